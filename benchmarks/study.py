"""Where the minutes of `make study` go: the embedded study from an empty cache, with the time and limit of each job.

python benchmarks/study.py [SECONDS.csv [REMARK]]: for a new run, or for an earlier one (its
build/embedded/seconds.csv), with a remark on how it was made.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # this checkout, not the installed one
from dfdlib.core import paths, repro

LIMITS = {"01": 30, "02": 240, "03": 300, "04": 120, "05": 90, "06": 180, "07": 120, "00": 10}  # seconds, notebooks
LIMITS |= {"training one-cycle": 240, "training one-cycle-validated": 300, "training no-fakes": 240}
FIRST = ("01", "02", "03", "04", "05")
MINUTES = {"notebooks 01 to 05": 8, "all": 12}


def run() -> pd.DataFrame:
    """Start and duration, in seconds, of each job of a run into empty folders."""
    with tempfile.TemporaryDirectory() as folder:
        places = {f"DFD_{name}": f"{folder}/{name.lower()}" for name in ("CACHE", "RUNS", "RESULTS", "FIGURES")}
        command = [sys.executable, "-m", "dfdlib", "run", "embedded"]
        subprocess.run(command, check=True, env=os.environ | places, stdout=subprocess.DEVNULL)
        return pd.read_csv(paths.build() / "embedded" / "seconds.csv")


def page(jobs: pd.DataFrame, remark: str) -> str:
    """The page of a run: when the first five notebooks and all of them were done, and the times of each job."""
    ends = jobs["start"] + jobs["seconds"]
    done = {"notebooks 01 to 05": ends[jobs["name"].str[:2].isin(FIRST)].max(), "all": ends.max()}
    text = "# Minutes of `make study`\n\nThe embedded study (synthetic), empty cache, two jobs at once. "
    text += f"{repro.machine()}.\n\n"
    text += f"Notebooks 06 and 07 run partly beside the first five, which alone would be done sooner.{remark}\n\n"
    text += "| what | done after, minutes | limit, minutes |\n| --- | --- | --- |\n"
    text += "".join(f"| {name} | {seconds / 60:.1f} | {MINUTES[name]} |\n" for name, seconds in done.items())
    text += "\n| job | begins at, s | takes, s | limit, s |\n| --- | --- | --- | --- |\n"
    for job in jobs.sort_values("start").itertuples():
        limit = LIMITS.get(job.name if job.name.startswith("training") else job.name[:2], "")
        text += f"| {job.name} | {job.start:.0f} | {job.seconds:.0f} | {limit} |\n"
    return text


def main() -> None:
    """Measure, or read, and write the page."""
    jobs = pd.read_csv(sys.argv[1]) if len(sys.argv) > 1 else run()
    text = page(jobs, f" {sys.argv[2]}" if len(sys.argv) > 2 else "")
    Path(__file__).with_suffix(".md").write_text(text)
    print(text, flush=True)


if __name__ == "__main__":
    main()
