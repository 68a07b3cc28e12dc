"""Results on disk, keyed by the inputs, the parameters and the code that made them.

A stage's result is written whole or not at all, so a stopped run goes on where it stopped; a damaged file is set aside
and its result computed again.
"""

from __future__ import annotations

import ast
import contextlib
import fcntl
import functools
import hashlib
import importlib
import inspect
import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import joblib

from dfdlib import atomic, paths, store
from dfdlib.errors import DfdError


def stage(*modules: str) -> Callable[[Callable], Callable]:
    """Cache a function of hashable inputs; `modules` are the dfdlib modules whose code its result depends on.

    The decorated function's arguments must carry everything that the result depends on: of a file, its
    `sha256` and not its path alone. Its attribute `kept` gives a result that is on disk, or None.
    """

    def decorate(function: Callable) -> Callable:
        def place(*args: Any, **kwargs: Any) -> Path:
            bound = inspect.signature(function).bind(*args, **kwargs)
            bound.apply_defaults()
            key = joblib.hash((tuple(bound.arguments.items()), code_version(*modules)))
            return paths.cache() / function.__name__ / f"{key}.npz"

        @functools.wraps(function)
        def cached(*args: Any, **kwargs: Any) -> Any:
            path = place(*args, **kwargs)
            found = read(path)
            return save(path, function(*args, **kwargs)) if found is None else found

        cached.kept = lambda *args: read(place(*args))
        return cached

    return decorate


def read(path: Path) -> Any:
    """The value of a file; None where there is none, or where it is damaged, which a warning says."""
    if not path.is_file():
        return None
    try:
        return store.load(path)
    except DfdError as error:
        aside = atomic.set_aside(path)
        warnings.warn(f"{error} It is kept as {aside.name} and computed again.", stacklevel=3)
        return None


def save(path: Path, value: Any) -> Any:
    """Write `value` atomically; returns it as a later reader will get it. DfdError where the disk can't take it."""
    store.save(path, value)
    return store.load(path)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep other processes from working on a file or folder; of those that torchrun starts the first holds it."""
    lock = paths.build() / "locks" / path.name
    with atomic.explained(lock):
        lock.parent.mkdir(parents=True, exist_ok=True)
        file = lock.open("w")
    with file:
        if os.environ.get("RANK", "0") == "0":
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@functools.cache
def code_version(*modules: str) -> str:
    """Hash of what the named dfdlib modules do: their code without comments, docstrings and layout."""
    sources = [inspect.getsource(importlib.import_module(f"dfdlib.{name}")) for name in modules]
    return hashlib.sha256("".join(_bare(source) for source in sources).encode()).hexdigest()


def _bare(source: str) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
            node.body[0] = ast.Pass()
    return ast.unparse(tree)


def sha256(path: Path) -> str:
    """The file's sha256 as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
