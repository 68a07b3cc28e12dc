"""Kill `dfd run` and `dfd train` (SIGKILL) at random moments, then let them finish: are the results the same?

Only the process itself is killed, as the system does when memory runs out. Notebook kernels and parallel trainings
must end by themselves or do no harm to the run that follows at once.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
from safetensors.torch import load_file

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # this checkout, not the installed one
from dfdlib.core import paths, repro, weight_files

STUDY, KILLS = "smoke", 15  # of each command
COMMANDS = {"dfd run": ("run", STUDY), "dfd train": ("train", STUDY, "paper")}
ORPHANS = 30  # seconds within which a killed run's kernels must be gone


def start(folder: Path, command: tuple[str, ...]) -> subprocess.Popen:
    """Start `dfd COMMAND` with all its results below `folder`."""
    places = {f"DFD_{name}": str(folder / name.lower()) for name in ("CACHE", "RUNS", "RESULTS", "FIGURES")}
    kept = {key: value for key, value in os.environ.items() if not key.startswith("DFD_")}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen([sys.executable, "-m", "dfdlib", *command], env=kept | places, cwd=paths.root(), **quiet)


def results(folder: Path) -> dict[str, object]:
    """All results of a run that do not depend on time: numbers, score tables, tables, weights."""
    found: dict[str, object] = {}
    for path in sorted(folder.glob("results/**/*.csv")):
        found[str(path.relative_to(folder))] = path.read_text()
    for path in sorted(folder.glob("results/*.json")):
        found[path.name] = json.loads(path.read_text())["rows"]
    for path in sorted(folder.glob("runs/**/*.safetensors")):
        if path.name != "previous.safetensors":  # exists only if no kill came between two epochs
            found[str(path.relative_to(folder))] = weight_files.digest(load_file(path))
    return found


def kill(process: subprocess.Popen, after: float) -> dict[str, object] | None:
    """Kill a process after `after` seconds; how long its kernels survived it, or None if it had already ended."""
    try:
        process.wait(after)
        return None
    except subprocess.TimeoutExpired:
        family = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGKILL)
        process.wait()
    begun = time.monotonic()
    kernels = [member for member in family if "ipykernel" in _command(member)]
    left = psutil.wait_procs(kernels, ORPHANS)[1]
    return {"kernels": len(kernels), "kernels gone after, s": time.monotonic() - begun, "kernels left": len(left)}


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def one_round(
    work: Path, name: str, expected: dict[str, object], seconds: float, left: int, rng: np.random.Generator
) -> list[dict]:
    """Start, kill and restart a command until it ends or `left` kills are done; finish, compare. One row per kill."""
    rows, folder = [], Path(tempfile.mkdtemp(dir=work))
    while len(rows) < left:
        after = float(rng.uniform(0.02, 0.9) * seconds / (1 + len(rows)))  # the rest takes less each time
        told = kill(start(folder, COMMANDS[name]), after)
        if told is None:
            break
        rows.append({"command": name, "killed after, s": after, **told})
    ended = start(folder, COMMANDS[name]).wait()
    found = results(folder)
    different = [key for key in expected | found if expected.get(key) != found.get(key)]
    partial = len(list(folder.rglob("*.partial")))
    outcome = "equal" if not ended and not different else f"exit {ended}, different: {', '.join(different)}"
    print(name, len(rows), "kills:", outcome, flush=True)
    shutil.rmtree(folder)
    return [row | {"the finished run": outcome, "partial files left": partial} for row in rows]


def main() -> None:
    """Kill, finish, compare, and write the table."""
    work, rng, rows = Path(tempfile.mkdtemp(prefix="dfd-kill-")), repro.rng(0, 9), []
    try:
        for name, command in COMMANDS.items():
            whole, begun = work / name.replace(" ", "-"), time.monotonic()
            assert start(whole, command).wait() == 0, f"{name} fails undisturbed"
            seconds, expected, done = time.monotonic() - begun, results(whole), 0
            print(f"{name}: {seconds:.0f} s undisturbed, {len(expected)} results", flush=True)
            while done < KILLS:
                found = one_round(work, name, expected, seconds, KILLS - done, rng)
                rows += [row | {"undisturbed, s": seconds, "results compared": len(expected)} for row in found]
                done += len(found)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    write(pd.DataFrame(rows))


def write(table: pd.DataFrame) -> None:
    """Write the page: a summary, and one row per kill."""
    equal = int((table["the finished run"] == "equal").sum())
    stayed = int(table["kernels left"].sum())
    text = (
        f"# Killed at random moments\n\nThe study `{STUDY}`, {len(table)} kills by SIGKILL ({repro.machine()}). After "
        f"{equal} of them the finished run's numbers, score tables, tables and weights were those of an undisturbed "
        f"run, digit by digit. Kernels of a killed run that were still there after {ORPHANS} s: {stayed}.\n\n"
    )
    cells = [[f"{v:.1f}" if isinstance(v, float) else str(v) for v in row] for row in table.itertuples(index=False)]
    lines = [list(table.columns), ["---"] * len(table.columns), *cells]
    Path(__file__).with_suffix(".md").write_text(
        text + "\n".join("| " + " | ".join(row) + " |" for row in lines) + "\n"
    )


if __name__ == "__main__":
    main()
