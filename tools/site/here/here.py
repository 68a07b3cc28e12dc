"""Runs an exercise in the browser: what is known before it, a student's answer, its check. Shipped with the site.

The Python there is CoWasm's 3.11 with NumPy 1.24 and pandas 1.5, and nothing of the study but `checks`. So the site
brings the values that an exercise starts from, and a tape of what other libraries said to its check.
"""

from __future__ import annotations

import base64
import contextlib
import copy
import io
import json
import sys
import traceback
import types
import zlib
from collections.abc import Iterator
from typing import Any, TextIO

import numpy as np
import pandas as pd

CELL = "<your answer>"  # the name of a student's code in a traceback
FRAMES = 3  # of a traceback that are shown: the last ones
HEAD, TAIL = 4000, 1000  # characters of what is printed that are shown, from the start and from the end
OPERATORS = ("getitem", "matmul", "rmatmul", "add", "radd", "sub", "rsub", "mul", "rmul", "truediv", "neg")


class Hidden:
    """On a tape: something that only other libraries have, which answers in turn by what follows on the tape."""


class Missing:
    """On a tape: what was asked for is not there."""


class Played:
    """Stands in a check for what the browser has not: each use of it gives what the tape says."""

    def __init__(self, tape: Iterator) -> None:
        self.__dict__["tape"] = tape

    def _next(self) -> Any:
        value = next(self.tape)
        if value is Missing:
            raise AttributeError("not there")
        return Played(self.tape) if value is Hidden else value

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._next()

    def __call__(self, *_: Any, **__: Any) -> Any:
        return self._next()

    def __setattr__(self, *_: Any) -> None:
        pass

    def __iter__(self) -> Iterator:
        return iter([self._next() for _ in range(next(self.tape))])

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.asarray(self._next(), dtype)

    def __deepcopy__(self, _: dict) -> Any:
        return self._next()


for _name in OPERATORS:
    setattr(Played, f"__{_name}__", lambda self, *_: self._next())


class Absent:
    """A library or function that the notebook has and the browser has not; any use of it says so."""

    def __init__(self, name: str) -> None:
        self.__dict__["_name"] = name

    def __call__(self, *_: Any, **__: Any) -> Any:
        raise NotHere(self._name)

    def __getattr__(self, name: str) -> Any:
        raise NotHere(self._name) if not name.startswith("__") else AttributeError(name)


class NotHere(Exception):
    """What a student's code asked for is in the notebook alone."""

    def __str__(self) -> str:
        return f"{self.args[0]} is in the notebook alone. Here are NumPy, pandas and Python's own modules."


class Shortened(io.TextIOBase):
    """Passes on what is printed, but leaves out the middle of much, so that the page does not choke on a loop."""

    def __init__(self, out: TextIO) -> None:
        self.out, self.count, self.rest = out, 0, ""

    def write(self, text: str) -> int:
        """Print the head at once; keep what may become the tail."""
        head = text[: max(HEAD - self.count, 0)]
        self.out.write(head)
        self.count += len(text)
        self.rest = (self.rest + text[len(head) :])[-TAIL:]
        return len(text)

    def end(self) -> None:
        """Print the tail, and before it how much is left out."""
        left = self.count - HEAD - len(self.rest)
        self.out.write(f"\n... {left:,} characters are left out ...\n" if left > 0 else "")
        self.out.write(self.rest)
        self.out.flush()


def written(value: Any) -> bytes:
    """A tree of plain values, arrays and tables as bytes for `read`; any version of NumPy and pandas reads them.

    `dfdlib.core.values` is not in the browser, and keeps no series, index or set.
    """
    return zlib.compress(json.dumps(_node(value)).encode())


def read(data: bytes) -> Any:
    """The value that `written` wrote."""
    return _value(json.loads(zlib.decompress(data)))


def _node(value: Any) -> Any:
    """A value as JSON has it: a plain one, a list, or the kind of value and what makes it."""
    if value is None or type(value) in (bool, int, float, str):
        return value
    if type(value) is list:
        return [_node(one) for one in value]
    if type(value) is dict:
        return {"is": "dict", "of": [[_node(name), _node(one)] for name, one in value.items()]}
    if type(value) in (tuple, set, frozenset):
        ordered = value if type(value) is tuple else sorted(value, key=repr)  # the same bytes each time
        return {"is": type(value).__name__, "of": [_node(one) for one in ordered]}
    kind, (_, take, _) = next(one for one in KINDS.items() if _is(value, one[1][0]))
    return {"is": kind, "of": _node(take(value))}


def _is(value: Any, cls: type) -> bool:
    return value is cls or (isinstance(value, cls) and cls not in (Hidden, Missing))


def _value(node: Any) -> Any:
    if isinstance(node, list):
        return [_value(one) for one in node]
    if not isinstance(node, dict):
        return node
    of = _value(node["of"])
    return KINDS[node["is"]][2](of) if node["is"] in KINDS else BUILT[node["is"]](of)


def _array(parts: list) -> np.ndarray:
    data, dtype, shape = parts
    if isinstance(data, str):
        return np.frombuffer(base64.b64decode(data), dtype).reshape(shape).copy()
    made = np.empty(len(data), object)
    made[:] = data
    return made.reshape(shape)


def _parts(array: np.ndarray) -> list:
    data = array.ravel().tolist() if array.dtype.hasobject else base64.b64encode(array.tobytes()).decode()
    return [data, array.dtype.str, list(array.shape)]


def _frame(parts: list) -> pd.DataFrame:
    columns, names, rows = parts
    made = pd.DataFrame(dict(enumerate(columns)), index=rows, columns=range(len(columns)))
    made.columns = names
    return made


def _columns(table: pd.DataFrame) -> list:
    return [[np.asarray(table.iloc[:, i]) for i in range(table.shape[1])], table.columns, table.index]


def _from_range(of: list) -> pd.RangeIndex:
    return pd.RangeIndex(*of[:3], name=of[3])


def _from_tuples(of: list) -> pd.MultiIndex:
    return pd.MultiIndex.from_tuples(of[0], names=of[1])


BUILT = {"dict": dict, "tuple": tuple, "set": set, "frozenset": frozenset}
KINDS = {  # the class, what makes a value of it, and how; the first that fits counts
    "hidden": (Hidden, lambda _: 0, lambda _: Hidden),
    "missing": (Missing, lambda _: 0, lambda _: Missing),
    "array": (np.ndarray, _parts, _array),
    "number": (np.generic, lambda v: _parts(np.asarray(v)), lambda of: _array(of)[()]),
    "frame": (pd.DataFrame, _columns, _frame),
    "series": (pd.Series, lambda v: [np.asarray(v), v.index, v.name], lambda of: pd.Series(of[0], of[1], name=of[2])),
    "range": (pd.RangeIndex, lambda v: [v.start, v.stop, v.step, v.name], _from_range),
    "levels": (pd.MultiIndex, lambda v: [v.to_list(), list(v.names)], _from_tuples),
    "index": (pd.Index, lambda v: [v.to_list(), v.name], lambda of: pd.Index(of[0], name=of[1])),
}


def run(task: dict, answer: str, checks: types.ModuleType) -> bool:
    """Run an answer's source and its check, both with what is known, and print what the notebook would print.

    task: known (values by name), imports and functions (sources), absent (names that the browser has not), answers
    (names that the answer defines), check (sources of cells), played (names in them that the tape stands for) and tape.
    Returns whether the answer is right, or counts as a prediction.
    """
    own = _known(task, checks) | {name: Absent(name) for name in task["absent"]} | {"input": _no_input}
    if not _executed(answer, own, CELL):
        return False
    for name in task["answers"]:
        if not callable(own.get(name)):
            print(f"There is no function {name}; the check looks for this name.")
            return False
    tape = iter(task["tape"])
    judging = _known(task, checks) | {name: Played(tape) for name in task["played"]}
    judging |= {name: value for name, value in own.items() if name in task["answers"]}
    return all(_executed(source, judging, "<the check>", checks) for source in task["check"])


def serve() -> None:
    """Run what the page has put into the files /task and /answer."""
    import checks  # beside this file there

    said = Shortened(sys.stdout)
    with open("/task", "rb") as task, open("/answer", encoding="utf-8") as answer:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            run(read(task.read()), answer.read(), checks)
    said.end()


def _no_input(*_: Any) -> str:
    raise RuntimeError("nobody can answer input() here; write the value into the code.")


def _known(task: dict, checks: types.ModuleType) -> dict[str, Any]:
    """The namespace before an answer; the values are copies, since an answer may change them."""
    known = copy.deepcopy(task["known"]) | {"checks": checks}
    for source in [*task["imports"], *task["functions"]]:
        exec(source, known)
    return known


def _executed(source: str, namespace: dict, name: str, checks: types.ModuleType | None = None) -> bool:
    try:
        exec(compile(source, name, "exec"), namespace)
    except BaseException as error:
        hint = isinstance(error, getattr(checks, "Hint", ()))
        print(f"{error.name} not yet: {error.nudge}" if hint else _told(error), flush=True)
        return False
    return True


def _told(error: BaseException) -> str:
    """An error in a student's code as Python says it, with the lines of that code alone."""
    kept = [entry for entry in traceback.extract_tb(error.__traceback__) if entry.filename == CELL]
    lines = [f"Line {entry.lineno}, in {entry.name}" for entry in kept[-FRAMES:]]
    said = str(error)
    if isinstance(error, SyntaxError):
        lines, said = [f"Line {error.lineno}"], error.msg
    if isinstance(error, ModuleNotFoundError):
        said = f"there is no {error.name} here, only NumPy, pandas and Python's own modules."
    elif isinstance(error, NameError):
        said += " here. Of the notebook's names the page has those of this exercise alone."
    return "\n".join([*lines, f"{type(error).__name__}: {said}"])
