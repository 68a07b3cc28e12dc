"""Results on disk, keyed by their inputs, by the code that made them and by the libraries that this code calls.

A stage's result is written whole or not at all, so a stopped run resumes where it stopped. A damaged file is set aside
and its result is computed again.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import hashlib
import importlib.util
import inspect
import os
import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import filelock
from joblib.hashing import NumpyHasher

from dfdlib.core import disk, paths, repro, values
from dfdlib.core.errors import DfdError

# Modules that pass values on and compute none: a change in them leaves every result as it was.
PLUMBING = "dfdlib", "dfdlib.core", *(f"dfdlib.core.{n}" for n in ("cache", "errors", "parallel", "paths", "values"))


def stage(function: Callable) -> Callable:
    """Cache a function of plain values, arrays, tables, dataclasses and paths, by `key` of its module and arguments.

    Its attribute `kept` takes the same arguments and returns the result that is on disk, or None.
    """

    def place(*args: Any, **kwargs: Any) -> Path:
        bound = inspect.signature(function).bind(*args, **kwargs)
        bound.apply_defaults()
        return paths.cache() / function.__name__ / f"{key(function.__module__, *bound.arguments.items())}.npz"

    @functools.wraps(function)
    def cached(*args: Any, **kwargs: Any) -> Any:
        path = place(*args, **kwargs)
        found = kept_value(path)
        return keep(path, function(*args, **kwargs)) if found is None else found

    cached.kept = lambda *args, **kwargs: kept_value(place(*args, **kwargs))
    return cached


def key(module: str, *inputs: Any) -> str:
    """Hexadecimal digits derived from the inputs, from the code of a dfdlib module and of all that it imports, and from
    the versions of the numeric libraries; where networks are among that code, also from PyTorch's instructions.

    A path among the inputs counts by its name and by the contents of the file, or of every file in the folder, never by
    its location. An array counts the same in memory and mapped from a file, as joblib passes it to a worker.
    """
    limits = repro.limits() if has_networks(module) else ()
    return _Hasher("md5", coerce_mmap=True).hash((inputs, code_version(module), repro.library_versions(), limits))


class _Hasher(NumpyHasher):
    def save(self, obj: Any) -> None:
        super().save(("file", obj.name, _content(obj)) if isinstance(obj, Path) else obj)


def _content(path: Path) -> Any:
    if path.is_dir():
        return [(str(p.relative_to(path)), sha256(p)) for p in sorted(path.rglob("*")) if p.is_file()]
    return sha256(path) if path.is_file() else None


def sha256(path: Path) -> str:
    """A file's sha256 as hexadecimal digits; read again only when its size or its modification time has changed."""
    state = path.stat()
    return _sha256(path, state.st_size, state.st_mtime_ns)


@functools.lru_cache(maxsize=100_000)
def _sha256(path: Path, size: int, changed: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def kept_value(path: Path) -> Any:
    """The value in a file; None where there is no file, or where it is damaged, which a warning reports."""
    if not path.is_file():
        return None
    try:
        return values.read(path)
    except DfdError as error:
        aside = disk.set_aside(path)
        warnings.warn(f"{error} It is kept as {aside.name} and computed again.", stacklevel=3)
        return None


def keep(path: Path, value: Any) -> Any:
    """Write `value` atomically; returns it as a later reader will get it. DfdError where it cannot be written."""
    values.write(path, value)
    return values.read(path)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep other processes from working on a file or folder; under torchrun the first process takes the lock."""
    lock = path.with_name(f".{path.name}.lock")  # next to it: whoever shares the folder shares the lock
    with disk.explained(lock):
        lock.parent.mkdir(parents=True, exist_ok=True)
        holder = filelock.FileLock(lock) if os.environ.get("RANK", "0") == "0" else contextlib.nullcontext()
        holder.__enter__()
    try:
        yield
    finally:
        holder.__exit__(None, None, None)


@functools.cache
def code_version(module: str) -> str:
    """Hash of the code, without comments and docstrings, of a dfdlib module and all dfdlib modules that it imports."""
    sources = [f"{name}\n{_bare(_source(name))}" for name in sorted(imported(module)) if name not in PLUMBING]
    return hashlib.sha256("\n".join(sources).encode()).hexdigest()


@functools.cache
def imported(module: str) -> frozenset[str]:
    """A module of this project and all that it imports, directly or through others, inside functions too."""
    found, waiting = set(), {module}
    while waiting:
        found |= waiting
        waiting = {name for importer in waiting for name in _direct(importer)} - found
    return frozenset(found)


@functools.cache
def has_networks(module: str) -> bool:
    """Whether a module, or one that it imports, imports PyTorch at its top, as one that defines a network must."""
    return any(re.search(r"^(import|from) torch\b", _source(name), re.MULTILINE) for name in imported(module))


@functools.cache
def _direct(module: str) -> list[str]:
    names = []
    for node in ast.walk(_parsed(_source(module))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "dfdlib":
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names += [alias.name for alias in node.names if alias.name.partition(".")[0] == "dfdlib"]
    return [name for name in names if _file(name)]


@functools.cache
def _file(module: str) -> Path | None:
    """The path of a module's source; None for a name that is not a module's."""
    place = paths.root().joinpath(*module.split("."))
    ours = (place.with_suffix(".py"), place / "__init__.py")
    found = next((path for path in ours if path.is_file()), None)
    if found or module.partition(".")[0] == "dfdlib":
        return found
    spec = importlib.util.find_spec(module)  # of a test, say
    return Path(spec.origin) if spec and spec.origin else None


def _source(module: str) -> str:
    path = _file(module)
    return path.read_text(encoding="utf-8") if path else ""


@functools.cache  # most modules are among the imports of many
def _bare(source: str) -> str:
    tree = _parsed(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
            node.body[0] = ast.Pass()
    return ast.unparse(tree)


def _parsed(source: str) -> ast.Module:
    with disk.PARSING:
        return ast.parse(source)
