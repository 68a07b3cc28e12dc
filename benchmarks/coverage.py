"""How often this study's 95 % intervals hold the truth, on simulated test parts; some minutes on two cores.

    make benchmarks        (or: python benchmarks/coverage.py)

Writes benchmarks/coverage.md. tests/test_metrics.py does the same with fewer simulations.
"""

from __future__ import annotations

import itertools
from pathlib import Path

from joblib import Parallel, delayed

from dfdlib import coverage, metrics

TRIALS = 1000


def _counted(count: int | tuple[int, ...]) -> str:
    return f"{len(count)} with {', '.join(map(str, count))} pairs" if isinstance(count, tuple) else str(count)


def main() -> None:
    """Simulate every case and write the table."""
    cases = list(itertools.product(metrics.STATISTICS, coverage.CASES))
    scores = Parallel(n_jobs=2)(delayed(coverage.of_score)(name, *case, TRIALS) for name, case in cases)
    rows = [
        {"what": f"{name} of frames", "people": _counted(count), "true score": coverage.truth(name, strength)} | found
        for (name, (count, strength)), found in zip(cases, scores, strict=True)
    ]
    gaps = Parallel(n_jobs=2)(delayed(coverage.of_difference)(count, TRIALS) for count, _ in coverage.CASES)
    rows += [
        {"what": "difference of acc", "people": _counted(count), "true score": 0.0, "ours": share}
        for (count, _), share in zip(coverage.CASES, gaps, strict=True)
    ]
    text = (
        "# Coverage of the intervals\n\n"
        f"Share of {TRIALS} simulated test parts (real and fake clips of {coverage.FRAMES} frames) "
        "whose 95 % interval holds the true score; standard error 0.007 at 0.95. `percentiles` is the plain bootstrap "
        "over people, which is too short with few of them. The calibration error (ece) is the exception: where it "
        "is small, its estimate lies above it, as no estimate of it can be negative, and the interval does not mend "
        "that; read "
        "the Brier score beside it.\n\n"
    )
    lines = ["| what | people | true score | ours | percentiles | times longer |", "| --- " * 6 + "|"]
    for row in rows:
        plain = f"{row['percentiles']:.3f} | {row['longer']:.2f}" if "percentiles" in row else " | "
        lines.append(f"| {row['what']} | {row['people']} | {row['true score']:.3f} | {row['ours']:.3f} | {plain} |")
    Path(__file__).with_suffix(".md").write_text(text + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
