"""The checks of the exercises: a right answer prints one line, a wrong one raises a hint; and the quiz of each part.

A prediction counts whatever it says, so a wrong one raises nothing: its check prints what was measured instead.

A hint is written as sentences. The first is a nudge, which says what the answer looks like; a notebook shows it alone.
The others say what it comes from, and `more()` shows them on request. None says what to write instead.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterable, Mapping
from numbers import Number
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

NOTHING: Mapping = MappingProxyType({})
PARTS = tuple(f"0{i}" for i in range(1, 8))
_waiting: dict[str, Hint] = {}  # the last hint of each exercise that is not right yet, the newest last


class Hint(Exception):
    """Why an answer is not right yet. As a string it is whole; a notebook shows the nudge, without a traceback.

    papermill and nbclient fail on it as on any error.
    """

    def __init__(self, name: str, nudge: str, more: str = "") -> None:
        super().__init__(name, nudge, more)
        self.name, self.nudge, self.more = name, nudge, more

    def __str__(self) -> str:
        return f"{self.name} not yet: {self.nudge} {self.more}".rstrip()

    def _render_traceback_(self) -> list[str]:  # IPython asks an exception for this
        return [f"{self.name} not yet: {self.nudge}" + " (`checks.more()` says more.)" * bool(self.more)]


def more(name: str = "") -> None:
    """Print the rest of the last hint, or of that of one exercise, such as "04.2"."""
    hint = _waiting.get(name) if name else next(reversed(_waiting.values()), None)
    rest = hint and (hint.more or "the nudge is all that is known; read the definition in the question again.")
    print(f"{hint.name}: {rest}" if hint else "There is no hint to say more about; run a check first.")


def ask(name: str, function: Callable, *given: Any, parts: int = 0) -> Any:
    """What a student's function returns for copies of `given`, so that it cannot change what later cells use.

    A hint is raised where it returns nothing or a bool, and where it does not return as many `parts`.
    """
    found = function(*copy.deepcopy(given))
    if found is None and "print" in getattr(getattr(function, "__code__", None), "co_names", ()):
        raise _hint(name, "your function prints, and what it returns is None. Who sees what is only printed?")
    if found is None:
        raise _nothing(name)
    if isinstance(found, bool | np.bool_):
        raise _hint(name, f"the answer is {found}. Which type does the first line of the function promise?")
    several = isinstance(found, tuple | list) or (isinstance(found, np.ndarray) and found.ndim > 0)
    if parts and not (several and len(found) == parts):
        raise _wrong_type(name, found, f"{parts} results, in this order, were")
    return found


def choice(name: str, said: Any, measured: str, right: str, because: Mapping[str, str], predicted: bool = True) -> None:
    """Set a prediction, or a choice that is no prediction, beside the measurement.

    because: each other answer, with what speaks against it.
    """
    options = {option.casefold(): option for option in sorted({measured, *because})}
    if said is None:
        raise _nothing(name)
    chosen = options.get(said.strip().casefold()) if isinstance(said, str) else None
    if chosen is None:
        listed = ", ".join(map(repr, options.values()))
        raise _hint(name, f"{said!r} is none of the answers; return one of {listed}.")
    if chosen != measured and not predicted:
        raise _hint(name, f"it is not {chosen!r}. {because[chosen]}")
    if chosen != measured:
        return _counts(name, f"{measured!r} was measured, not {chosen!r}. {because[chosen]}")
    _right(name, right)


def close(
    name: str,
    found: Any,
    expected: Any,
    right: str,
    mistakes: Mapping[str, Any] | None = None,
    regions: Mapping[str, np.ndarray] | None = None,
    rtol: float = 0.0,
    atol: float = 1e-6,
    lengths: Mapping[str, int] = NOTHING,
    measured: str = "",
) -> None:
    """Check a number or an array against an independently computed one, within the tolerances.

    mistakes: hints, each with the result of its typical mistake. regions: where an answer may be wrong, in words, each
    with a mask of the shape of `expected`. lengths: hints, each with the number of values that its mistake gives.
    measured: for a prediction, a sentence on what was measured instead.
    """
    found, expected = numbers(name, found), np.asarray(expected, float)
    tolerance = {"rtol": rtol, "atol": atol}
    if _agree(found, expected, tolerance):
        return _right(name, right)
    foreseen = [hint for hint, value in (mistakes or {}).items() if _agree(found, np.asarray(value, float), tolerance)]
    foreseen += [hint for hint, n in lengths.items() if found.shape[:1] == (n,) != expected.shape[:1]]
    hint = foreseen[0] if foreseen else _symptom(found, expected, regions or {}, tolerance)
    if measured and found.shape == expected.shape and np.isfinite(found).all():
        return _counts(name, f"{measured} {hint[0].upper()}{hint[1:]}")
    raise _hint(name, hint)


def named(
    name: str,
    found: str | Iterable[str],
    expected: str | Iterable[str],
    right: str,
    mistakes: Mapping[str, str | Iterable[str]] | None = None,
) -> None:
    """Check names, in any order; `mistakes`: hints, each with the names that its typical mistake gives."""
    said, wanted = _said(name, found), _names(expected)
    if said == wanted:
        return _right(name, right)
    for hint, others in (mistakes or {}).items():
        if said == _names(others):
            raise _hint(name, hint)
    extra, missing = sorted(said - wanted), len(wanted - said)
    wrong = [f"{extra[0]!r} does not belong in the answer ({len(extra)} such)"] if extra else []
    wrong += [f"{missing} of {len(wanted)} are missing"] if missing else []
    raise _hint(name, " and ".join(wrong) + ".")


def free_of(name: str, faults: Mapping[str, bool], right: str) -> None:
    """Check an answer that has many right forms; `faults`: hints, each with whether its fault was found."""
    for hint, found in faults.items():
        if found:
            raise _hint(name, hint)
    _right(name, right)


def numbers(name: str, found: Any) -> np.ndarray:
    """An answer as an array of float; a hint where it is none, such as a bool, which NumPy would take for 0 or 1."""
    try:
        array = np.asarray(found)
        if array.dtype == object and any(one is None for one in array.flat):
            raise _nothing(name)
        if array.dtype.kind in "iufO":
            return array.astype(float)
    except (TypeError, ValueError, RuntimeError):  # ragged, or a tensor that wants its gradient
        pass
    raise _wrong_type(name, found, "a number or an array was")


def _right(name: str, sentence: str) -> None:
    _waiting.pop(name, None)
    print(f"{name} right: {sentence}")


def _counts(name: str, sentences: str) -> None:
    _waiting.pop(name, None)
    print(f"{name} counts as a prediction: {sentences}")


def _hint(name: str, sentences: str) -> Hint:
    _waiting.pop(name, None)
    _waiting[name] = Hint(name, *re.split(r"(?<=[.?]) ", sentences, maxsplit=1))
    return _waiting[name]


def _nothing(name: str) -> Hint:
    return _hint(name, "the answer is None. Does your function return its result, on every path?")


def _wrong_type(name: str, found: Any, wanted: str) -> Hint:
    shown = repr(found) if isinstance(found, Number | np.generic) else f"a {type(found).__name__}"
    return _hint(name, f"the answer is {shown}; {wanted} asked for.")


def _names(given: str | Iterable[str]) -> set[str]:
    return {given} if isinstance(given, str) else {str(one) for one in given}


def _said(name: str, found: Any) -> set[str]:
    """The student's names; a hint where they are of another kind."""
    if found is None:
        raise _nothing(name)
    if isinstance(found, str):
        return {found}
    if not isinstance(found, Iterable) or np.ndim(found) > 1:
        raise _wrong_type(name, found, "names were")
    items = list(found)
    if any(isinstance(item, bool | np.bool_) for item in items):
        raise _hint(name, "the answer is made of True and False. Asked for are the names for which it is True.")
    if any(isinstance(item, Number) for item in items):
        raise _hint(name, "the answer is made of numbers. Asked for are the names that they belong to.")
    if not all(isinstance(item, str) for item in items):
        raise _wrong_type(name, found, "names, as strings, were")
    return set(map(str, items))


def _agree(found: np.ndarray, value: np.ndarray, tolerance: dict[str, float]) -> bool:
    return found.shape == value.shape and bool(np.allclose(found, value, **tolerance))


def _symptom(found: np.ndarray, expected: np.ndarray, regions: Mapping, tolerance: dict[str, float]) -> str:
    """What is wrong with an answer whose mistake nobody foresaw, as far as numbers alone can tell."""
    if found.shape != expected.shape:
        turned = " Its transpose would fit." * _agree(found.T, expected, tolerance)
        return f"the answer has shape {found.shape}, and {expected.shape} was asked for.{turned}"
    if not np.isfinite(found).all():
        bad = int((~np.isfinite(found)).sum())
        return f"{bad} of {found.size} values are not finite numbers. Look for an overflow or a division by zero."
    if _agree(-found, expected, tolerance):
        return "the size is right and the sign is wrong."
    for where, mask in regions.items():
        if _agree(found[~mask], expected[~mask], tolerance):
            sign = " The size is right there and the sign is wrong." * _agree(-found[mask], expected[mask], tolerance)
            return f"right everywhere but {where}.{sign}"
    return _size(found, expected, tolerance)


def _size(found: np.ndarray, expected: np.ndarray, tolerance: dict[str, float]) -> str:
    if found.size == 1:
        return f"{found.item():.4g} is too {'large' if found.item() > expected.item() else 'small'}."
    factor = float((found * expected).sum() / max((expected**2).sum(), 1e-300))
    if factor and _agree(found / factor, expected, tolerance):
        return f"every value is {factor:.4g} times what it should be."
    off = ~np.isclose(found, expected, **tolerance)
    first = ", ".join(str(int(i)) for i in np.argwhere(off)[0])
    worst = np.abs(found - expected).max()
    return f"{off.sum()} of {off.size} values are off, the first at [{first}], the worst by {worst:.3g}."


class Quiz(list):
    """The questions of one part, which a notebook shows with their answers folded."""

    def _repr_markdown_(self) -> str:
        return "\n\n".join(_question(i, **one) for i, one in enumerate(self, start=1))

    __repr__ = _repr_markdown_


def quiz(part: str) -> Quiz:
    """The five questions of a part, "01" to "07": each with question, options, right (from 1), why and numbers."""
    import yaml

    part = str(part).zfill(2)
    if part not in PARTS:
        raise Hint(part, f"there is a quiz for each of {PARTS[0]} to {PARTS[-1]}, named as a string.")
    return Quiz(yaml.safe_load((Path(__file__).parent / "assets" / "quiz.yaml").read_text("utf-8"))[part])


def _question(i: int, question: str, options: list[str], right: int, why: str, numbers: Mapping = NOTHING) -> str:
    listed = "\n".join(f"- ({letter}) {option}" for letter, option in zip("abcd", options, strict=False))
    answer = f"**({'abcd'[right - 1]})** {why.strip()}"
    return f"**{i}.** {question.strip()}\n\n{listed}\n\n<details><summary>Answer</summary>\n\n{answer}\n\n</details>"
