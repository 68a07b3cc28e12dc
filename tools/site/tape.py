"""The exercises that can be answered in the browser: what each starts from, and a tape of what its check is told.

NumPy and pandas run there (see here/here.py), nothing else. A check that asks SciPy, torch or OpenCV is run here once,
with our own answer, and each of their answers is kept on a tape in order. An exercise that gives a student's function
something of these libraries is left to the notebook.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import copy
import io
import operator
import sys
import types
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd

sys.path[:0] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).resolve().parent / "here")]

import here  # noqa: E402

from dfdlib.command import answers  # noqa: E402
from dfdlib.command.answers import Cell, Exercise, Part  # noqa: E402

MODULES = {"numpy", "pandas", *sys.stdlib_module_names}  # what the browser has
MOST = 5_000_000  # bytes of one exercise; a larger one is left to the notebook
LARGE = 100_000  # bytes of an array that is kept only where NumPy reads it, and of a value that no answer needs
PLAIN = (np.ndarray, np.generic, pd.DataFrame, pd.Series, pd.Index, str, int, float, bool, type(None))


class Elsewhere(Exception):
    """An exercise needs more than the browser has; its text says what."""


class Taped:
    """Stands in a check for something that the browser has not, and keeps what each use of it gives."""

    def __init__(self, real: Any, tape: list) -> None:
        self.__dict__.update(real=real, tape=tape)

    def _kept(self, value: Any) -> Any:
        large = isinstance(value, np.ndarray) and value.nbytes > LARGE
        if plain(value) and not large:
            self.tape.append(copy.deepcopy(value))
            return value
        self.tape.append(here.Hidden)
        return Taped(value, self.tape)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return self._kept(getattr(self.real, name))
        except AttributeError:
            self.tape.append(here.Missing)
            raise

    def __call__(self, *given: Any, **named: Any) -> Any:
        before = len(self.tape)
        found = self.real(*bare(given), **bare(named))
        del self.tape[before:]  # what a function of ours used that was handed over: nobody calls it in the browser
        return self._kept(found)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.real, name, bare(value))

    def __iter__(self) -> Iterator:
        values = list(self.real)
        self.tape.append(len(values))
        return iter([self._kept(value) for value in values])

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        self.tape.append(np.array(self.real))
        return np.asarray(self.real, dtype)

    def __deepcopy__(self, _: dict) -> Any:
        if isinstance(self.real, np.ndarray):
            self.tape.append(self.real.copy())
            return self.real.copy()
        raise Elsewhere(f"an answer is given {type(self.real).__name__}")


for _name in here.OPERATORS:
    _real = getattr(operator, _name.removeprefix("r") if _name in ("rmatmul", "radd", "rsub", "rmul") else _name)
    _turned = _name.startswith("r")

    def _operate(self: Taped, *others: Any, real: Any = _real, turned: bool = _turned) -> Any:
        given = [self.real, *bare(others)]
        return self._kept(real(*(reversed(given) if turned else given)))

    setattr(Taped, f"__{_name}__", _operate)


def plain(value: Any) -> bool:
    """Whether the browser can have a value: numbers, strings, arrays and tables, and containers of them."""
    if isinstance(value, dict):
        return plain([*value, *value.values()])
    if type(value) in (list, tuple, set, frozenset):
        return all(map(plain, value))
    return isinstance(value, PLAIN) and not (isinstance(value, np.ndarray) and not plain_items(value))


def plain_items(values: np.ndarray) -> bool:
    """Whether an array's items are numbers or strings."""
    return not values.dtype.hasobject or all(map(plain, values.flat))


def bare(value: Any) -> Any:
    """A value with what is taped in it replaced by the real things."""
    if isinstance(value, Taped):
        return value.real
    if isinstance(value, dict):
        return {name: bare(one) for name, one in value.items()}
    return type(value)(map(bare, value)) if type(value) in (list, tuple) else value


def tasks(part: Part) -> Iterator[tuple[str, dict]]:
    """Each exercise of a part that the browser can have, by its number, as `here.run` wants it."""
    namespace: dict[str, Any] = {}
    for exercise in part.exercises:
        with contextlib.redirect_stdout(io.StringIO()):
            _executed(exercise.setup, namespace)
            try:
                found = _task(exercise, part, namespace.copy())
            except Elsewhere:
                found = None
            _executed([cell.source for cell in exercise.solution], namespace)
            _executed(exercise.check, namespace)  # later cells may show what it found
        if found and len(here.written(found)) <= MOST:
            yield exercise.number, found


def _executed(sources: Iterable[str], namespace: dict) -> dict:
    for source in sources:
        exec(compile(source, "<cell>", "exec"), namespace)
    return namespace


def _task(exercise: Exercise, part: Part, namespace: dict) -> dict:
    known = Known(namespace, [*part.exercises[0].setup, *exercise.setup])
    check = [Cell("", source) for source in exercise.check]
    made = set().union(*(cell.defines for cell in check)) | set(exercise.names)
    for name in sorted(set().union(*(cell.needs for cell in [*exercise.solution, *check])) - made):
        known.take(name)
    if any(known.absent & cell.needs for cell in exercise.solution):
        raise Elsewhere("our own answer needs more than the browser has")
    played = sorted(known.absent)
    own = [Cell("", source) for source in exercise.setup]
    known.take_small(set(known.imported).union(*(cell.defines | cell.needs for cell in own)))
    tape: list = []
    ours = _executed((cell.source for cell in exercise.solution), namespace.copy())
    judging = ours | {name: Taped(namespace[name], tape) for name in played}
    _executed(exercise.check, judging)
    return {
        "known": known.values,
        "imports": known.imports,
        "functions": known.functions,
        "absent": sorted(known.absent),
        "answers": sorted(set().union(*(Cell("", stub).defines for stub in exercise.stubs))),
        "check": list(exercise.check),
        "played": played,
        "tape": tape,
    }


class Known:
    """What an exercise starts from, sorted by how the browser can have it."""

    def __init__(self, namespace: dict, setup: list[str]) -> None:
        self.namespace = namespace
        self.values: dict[str, Any] = {}
        self.imports: list[str] = []
        self.functions: list[str] = []
        self.absent: set[str] = set()
        nodes = [node for source in setup for node in ast.parse(source).body]
        self.sources = {node.name: ast.unparse(node) for node in nodes if isinstance(node, ast.FunctionDef)}
        imported = [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
        self.imported = {a.asname or a.name: _import(node, a) for node in imported for a in node.names}

    def take(self, name: str) -> bool:
        """Sort one name; whether the browser has it."""
        if name in self.values or name == "checks" or hasattr(builtins, name):
            return True
        value = self.namespace.get(name)
        if name in self.sources and isinstance(value, types.FunctionType):
            return self._take_function(name)
        module, source = self.imported.get(name, ("", ""))
        if module.partition(".")[0] in MODULES:
            self.imports += [source] if source not in self.imports else []
        elif name in self.namespace and plain(value):
            self.values[name] = value
        else:
            self.absent.add(name)
        return name not in self.absent

    def take_small(self, names: Iterable[str]) -> None:
        """Take what a student may want besides, unless it is large."""
        for name in sorted({*names} - {*self.values}):
            if self.take(name) and len(here.written(self.values.get(name))) > LARGE:
                self.absent.add(name)
                del self.values[name]

    def _take_function(self, name: str) -> bool:
        source = self.sources[name]
        needed = [self.take(one) for one in sorted(Cell("", source).needs - {name})]
        if not all(needed):
            self.absent.add(name)
        elif source not in self.functions:
            self.functions.append(source)
        return name not in self.absent


def _import(node: ast.Import | ast.ImportFrom, alias: ast.alias) -> tuple[str, str]:
    """The module of one import, and its source alone."""
    module = node.module if isinstance(node, ast.ImportFrom) else alias.name
    alone = copy.copy(node)
    alone.names = [alias]
    return module or "", ast.unparse(alone)


def main() -> None:
    """Write the exercises of all parts, each as `here.written` writes it, to the folder that the command line names."""
    matplotlib.use("Agg")
    warnings.simplefilter("ignore")  # the notebooks say theirs when they are run
    for part in answers.parts():
        for number, task in tasks(part):
            Path(sys.argv[1], number).write_bytes(here.written(task))


if __name__ == "__main__":
    main()
