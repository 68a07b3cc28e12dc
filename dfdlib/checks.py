"""The checks of the exercises: a right answer prints one line, a wrong one raises a hint in one sentence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np


class Hint(Exception):
    """Why an answer is not right yet.

    A notebook shows the sentence without a traceback, and papermill and nbclient fail on it as on any error.
    """

    def _render_traceback_(self) -> list[str]:  # IPython asks an exception for this
        return [str(self)]


def choice(name: str, said: Any, measured: str, right: str, because: Mapping[str, str]) -> None:
    """Check a prediction against the measurement; `because`: each other answer, with what speaks against it."""
    if said not in [measured, *because]:
        options = ", ".join(repr(option) for option in sorted({measured, *because}))
        raise _hint(name, f"{said!r} is none of the answers; return one of {options}.")
    if said != measured:
        raise _hint(name, f"you said {said!r}, and {measured!r} was measured. {because[said]}")
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
) -> None:
    """Check a number or an array against an independently computed one, within the tolerances.

    mistakes: hints, each with the result of its typical mistake. regions: where an answer may be wrong, in words, each
    with a mask of the shape of `expected`.
    """
    found, expected = _numbers(name, found), np.asarray(expected, float)
    tolerance = {"rtol": rtol, "atol": atol}
    if _agree(found, expected, tolerance):
        return _right(name, right)
    for hint, value in (mistakes or {}).items():
        if _agree(found, np.asarray(value, float), tolerance):
            raise _hint(name, hint)
    raise _hint(name, _symptom(found, expected, regions or {}, tolerance))


def named(
    name: str,
    found: str | Iterable[str],
    expected: str | Iterable[str],
    right: str,
    mistakes: Mapping[str, str | Iterable[str]] | None = None,
) -> None:
    """Check names, in any order; `mistakes`: hints, each with the names that its typical mistake gives."""
    if found is None:
        raise _hint(name, "the answer is None; does your function return its result?")
    said, wanted = _names(found), _names(expected)
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


def _names(given: str | Iterable[str]) -> set[str]:
    return {given} if isinstance(given, str) else {str(one) for one in given}


def _right(name: str, sentence: str) -> None:
    print(f"{name} right: {sentence}")


def _hint(name: str, sentence: str) -> Hint:
    return Hint(f"{name} not yet: {sentence}")


def _numbers(name: str, found: Any) -> np.ndarray:
    if found is None:
        raise _hint(name, "the answer is None; does your function return its result?")
    try:
        return np.asarray(found, float)
    except (TypeError, ValueError):
        raise _hint(name, f"the answer is a {type(found).__name__}; a number or an array was asked for.") from None


def _agree(found: np.ndarray, value: np.ndarray, tolerance: dict[str, float]) -> bool:
    return found.shape == value.shape and bool(np.allclose(found, value, **tolerance))


def _symptom(found: np.ndarray, expected: np.ndarray, regions: Mapping, tolerance: dict[str, float]) -> str:
    """What is wrong with an answer whose mistake nobody foresaw, as far as numbers alone can tell."""
    if found.shape != expected.shape:
        turned = ", and its transpose would fit" * _agree(found.T, expected, tolerance)
        return f"the answer has shape {found.shape}, and {expected.shape} was asked for{turned}."
    if not np.isfinite(found).all():
        bad = int((~np.isfinite(found)).sum())
        return f"{bad} of {found.size} values are no finite numbers; look for an overflow or a division by zero."
    if _agree(-found, expected, tolerance):
        return "the size is right and the sign is wrong."
    for where, mask in regions.items():
        if _agree(found[~mask], expected[~mask], tolerance):
            sign = ": the size is right there and the sign is wrong" * _agree(-found[mask], expected[mask], tolerance)
            return f"right everywhere but {where}{sign}."
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
