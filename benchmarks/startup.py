"""What a command costs before it does anything: seconds and memory of `dfd`, and what the notebooks import.

    make benchmarks        (or: python benchmarks/startup.py)

Writes benchmarks/startup.md. Each is a new process, and they take turns; the ratios are to `import torch` alone.
Processor seconds are given as well: on a machine that does other things they tell more than the clock.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # this checkout, not the installed one
from dfdlib.core import paths

ROUNDS = 3
TORCH = "import torch"
LIMITS = {"dfd predict, one clip": (3.0, 350)}  # seconds, on two cores that do nothing else, and MB


def commands() -> dict[str, list[str]]:
    """What to measure: arguments for Python by name."""
    dfd, clip = ["-m", "dfdlib"], str(paths.embedded() / "clips" / "p00_fake.mp4")
    found = {TORCH: ["-c", TORCH], "dfd --help": [*dfd, "--help"], "dfd predict, one clip": [*dfd, "predict", clip]}
    return found | {
        f"imports of {path.stem}": ["-c", imports(path)] for path in sorted(paths.notebooks().glob("*.ipynb"))
    }


def imports(notebook: Path) -> str:
    """The import lines of a notebook's first cell that has any."""
    cells = json.loads(notebook.read_text())["cells"]
    sources = ("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    first = next(source for source in sources if "import " in source)
    return "\n".join(line for line in first.splitlines() if line.startswith(("import ", "from ")))


def measured(arguments: list[str]) -> tuple[float, float, float]:
    """Seconds by the clock, processor seconds, and the largest memory in MB, of a new process."""
    start, quiet = time.perf_counter(), os.open(os.devnull, os.O_WRONLY)
    actions = [(os.POSIX_SPAWN_DUP2, quiet, 1), (os.POSIX_SPAWN_DUP2, quiet, 2)]
    environment = os.environ | {"PYTHONPATH": str(paths.root())}
    child = os.posix_spawn(sys.executable, [sys.executable, *arguments], environment, file_actions=actions)
    _, status, used = os.wait4(child, 0)
    os.close(quiet)
    if status:
        raise RuntimeError(f"{arguments} ended with status {status}")
    return time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def measure() -> dict[str, tuple[float, ...]]:
    """The least seconds and the largest memory of ROUNDS processes each, by name."""
    taken = {name: [] for name in commands()}
    for _ in range(ROUNDS):
        for name, arguments in commands().items():
            taken[name].append(measured(arguments))
    columns = {name: list(zip(*rows, strict=True)) for name, rows in taken.items()}
    return {name: (min(clock), min(processor), max(mb)) for name, (clock, processor, mb) in columns.items()}


def page(found: dict[str, tuple[float, ...]]) -> str:
    """The measurements as a page."""
    from dfdlib.core import repro  # with NumPy, and a child's memory begins with its parent's

    text = (
        "# Start-up\n\nNew processes that took turns, files in the system's cache; the least seconds and the largest "
    )
    text += f"memory of {ROUNDS} rounds. {repro.machine()}.\n\n"
    text += "| what | s | processor s | times `import torch` | MB | times `import torch` | limit |\n"
    text += "| --- | --- | --- | --- | --- | --- | --- |\n"
    for name, (seconds, processor, mb) in found.items():
        limit = "{} s, {} MB".format(*LIMITS[name]) if name in LIMITS else ""
        text += f"| {name} | {seconds:.1f} | {processor:.1f} | {processor / found[TORCH][1]:.2f} "
        text += f"| {mb:.0f} | {mb / found[TORCH][2]:.2f} | {limit} |\n"
    return text


def main() -> None:
    """Measure, print and write the page."""
    text = page(measure())
    Path(__file__).with_suffix(".md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
