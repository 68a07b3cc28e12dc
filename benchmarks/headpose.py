"""How long each solver takes for one pose, as a ratio to OpenCV's default, measured in turns in one run.

    make benchmarks        (or: python benchmarks/headpose.py)

Writes benchmarks/headpose.md. Ratios can be compared between machines, microseconds cannot.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # this checkout, not the installed one
from dfdlib.experiments import known_poses
from dfdlib.headpose import pnp, worldmodel

FRAMES, ROUNDS = 1000, 9


def _seconds(solver: pnp.Solver, points: np.ndarray, model: np.ndarray) -> float:
    start = time.perf_counter()
    for p in points:
        solver(model, p, known_poses.RIGHT)
    return time.perf_counter() - start


def measure() -> pd.DataFrame:
    """Median microseconds per pose of every solver, and how many times faster it is than the default."""
    cv2.setNumThreads(1)
    world = worldmodel.world_model("world_model.csv")
    known = known_poses.simulated(world, FRAMES, 1.0, seed=0)
    rows = []
    for part, which in known_poses.PARTS.items():
        points, model = np.ascontiguousarray(known.points[:, which]), np.ascontiguousarray(world[which])
        taken = {name: [] for name in pnp.SOLVERS}
        for _ in range(ROUNDS):  # in turns, so that a busy moment of the machine affects all alike
            for name, solver in pnp.SOLVERS.items():
                taken[name].append(_seconds(solver, points, model) / FRAMES * 1e6)
        default = np.array(taken["iterative"])
        rows += [(name, part, np.median(t), np.median(default / np.array(t))) for name, t in taken.items()]
    return pd.DataFrame(rows, columns=["solver", "points", "microseconds", "times faster than the default"])


def main() -> None:
    """Measure, print and write the table."""
    table = measure()
    lines = ["| " + " | ".join(table.columns) + " |", "| --- | --- | --- | --- |"]
    lines += [f"| {r[0]} | {r[1]} | {r[2]:.0f} | {r[3]:.1f} |" for r in table.itertuples(index=False)]
    text = f"# Head pose: one pose by each solver\n\nMedians of {ROUNDS} rounds of {FRAMES} poses, one thread.\n\n"
    Path(__file__).with_suffix(".md").write_text(text + "\n".join(lines) + "\n")
    print(table.round(1).to_string(index=False))


if __name__ == "__main__":
    main()
