"""Do other instructions or threads change a verdict? The embedded study, computed anew for each combination.

    python benchmarks/processors.py [FOLDER]
    python benchmarks/processors.py keep

FOLDER keeps the finished combinations, so that an interrupted benchmark goes on; by default it is a temporary one.
`keep` adds the published numbers to those of other machines, which the page's second part compares.
tests/test_notebooks_twice.py does the same with the smoke study and two combinations.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # this checkout, not the installed one
from dfdlib.core import paths, repro
from dfdlib.evaluation import judging, results

Case = tuple[str, str, int]  # ATEN_CPU_CAPABILITY, ONEDNN_MAX_CPU_ISA, threads
SHARED: Case = (*repro.SHARED.values(), 1)  # what a run takes by default
CAPABILITIES, INSTRUCTIONS = ("avx512", "avx2", "default"), ("ALL", "AVX2", "SSE41")
# Every capability with every instruction set, and threads so that both numbers meet each of these.
GRID = itertools.product(enumerate(CAPABILITIES), enumerate(INSTRUCTIONS))
CASES: list[Case] = [SHARED, *((one, other, 1 + (i + j) % 2) for (i, one), (j, other) in GRID)]
SHOWN = {
    "resnet.frame_acc": "ResNet, accuracy of frames",
    "resnet.one_cycle.frame_acc": "ResNet, one cycle",
    "system.frame_acc": "combined system",
    "no_fakes.embedded.frame_auc_gain": "AUC gained without fakes",
}
PUBLISHED = Path(__file__).with_name("published_runs.csv")  # rows of `embedded` as other machines published them
STUDY, NOTEBOOKS = "embedded", ("01", "02", "03", "04", "05", "07")  # 06 gives no verdict


def rows(study: str, case: Case, folder: Path, notebooks: Sequence[str]) -> list[dict]:
    """The numbers of a study computed with a case's instructions and threads, in a copy of this checkout."""
    copy = folder / "-".join(map(str, (study, *case)))
    found = copy / "build" / study / "results" / f"{study}.json"
    if not (copy / "done").is_file():
        _copy(copy)
        settings = copy / "studies" / f"{study}.yaml"
        settings.write_text(f"threads: {case[2]}\n{settings.read_text()}")
        names = dict(zip(repro.SHARED, case, strict=False)) | {"PYTHONPATH": str(copy)}
        names |= {"DFD_CACHE": str(folder / "cache")}  # its keys know the instructions where they matter
        others = {name: value for name, value in os.environ.items() if not name.startswith("DFD_")}
        command = [sys.executable, "-m", "dfdlib", "run", study, *notebooks]
        subprocess.run(command, check=True, env=others | names, cwd=copy, stdout=subprocess.DEVNULL)
        (copy / "done").touch()
    kept, synthetic = json.loads(found.read_text())["rows"], results.is_synthetic(study)
    return [row | {"verdict": judging.verdict(row, synthetic)} for row in kept]  # by today's rule


def _copy(target: Path) -> None:
    """The files of this checkout that git tracks or would track, with what is changed in them."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=paths.root(),
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (paths.root() / name).is_file():
            place = target / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes((paths.root() / name).read_bytes())


def table(found: dict[Case, list[dict]]) -> pd.DataFrame:
    """One row a case: how many verdicts are the first case's, the others, which of them are opposed, some numbers."""
    first = _verdicts(next(iter(found.values())))
    lines = []
    for case, numbers in found.items():
        own, values = _verdicts(numbers), {row["id"]: row["value"] for row in numbers}
        other = [f"{key}: {own.get(key)}" for key in first if own.get(key) != first[key]]
        line = dict(zip(("PyTorch", "oneDNN", "threads"), case, strict=True))
        opposed = [key for key in first if abs(judging.side(own.get(key, "")) - judging.side(first[key])) > 1]
        line |= {"same verdicts": f"{len(first) - len(other)} of {len(first)}", "others": "; ".join(other)}
        line |= {"opposed": len(opposed)}
        lines.append(line | {name: f"{values[key]:.3f}" for key, name in SHOWN.items() if key in values})
    return pd.DataFrame(lines)


def _verdicts(numbers: Sequence[dict]) -> dict[str, str]:
    return {row["id"]: row["verdict"] for row in numbers if row["verdict"]}


def moved(found: dict[Case, list[dict]]) -> str:
    """How far the ends of the trained networks' intervals move from case to case, as a sentence."""
    tables = [pd.DataFrame(rows).set_index("id") for rows in found.values()]
    trained = [key for key in tables[0].index[tables[0]["verdict"] != ""] if judging.beyond(key)]
    ends = [pd.concat([table.loc[trained, end] for table in tables], axis=1).std(axis=1) for end in ("low", "high")]
    spread = 100 * pd.concat(ends)
    return (
        f"Over these lines the {len(spread)} ends of such rows' intervals have a standard deviation of "
        f"{spread.median():.1f} points (median) and {spread.max():.1f} (largest)."
    )


def page(found: dict[Case, list[dict]]) -> str:
    """The page: how it was made, and the table."""
    lines = table(found)
    head = ["| " + " | ".join(row) + " |" for row in (lines.columns, ["---"] * len(lines.columns))]
    body = ["| " + " | ".join(map(str, row)) + " |" for row in lines.itertuples(index=False)]
    said = f"""The embedded study (synthetic), each line computed anew with the instructions that
    `ATEN_CPU_CAPABILITY` and `ONEDNN_MAX_CPU_ISA` allow, on {repro.processor()}. The first line
    is what every run takes by default (`dfdlib/core/repro.py`). A verdict is what the claim table says of a
    number and its interval.
    Training is chaotic: where a last digit is rounded otherwise, another network comes out, as from another seed. So a
    trained network's row is told from chance only where its interval ends
    {100 * judging.TRAINING_MARGIN:.0f} points beyond it (`dfdlib/evaluation/judging.py`). That margin was set after
    the lines avx2 AVX2, avx512 ALL and default SSE41; the others check it. {moved(found)}
    A verdict is *opposed* where one says above and the other below."""
    text = "# Verdicts on other processors\n\n" + textwrap.fill(" ".join(said.split()), 115) + "\n\n"
    missing = [" ".join(map(str, case)) for case in dict.fromkeys(CASES) if case not in found]
    more = f"\nNot computed yet: {', '.join(missing)}.\n" if missing else ""
    return text + "\n".join([*head, *body]) + "\n" + more + "\n" + machines()


def machines() -> str:
    """The page's second part: the runs in PUBLISHED, of other machines, against the numbers published now."""
    now = pd.DataFrame(results.rows(STUDY, committed=True)).set_index("id")
    lines = ["| machine | same verdicts | other numbers | an end moved by at most |", "| --- | --- | --- | --- |"]
    for machine, run in pd.read_csv(PUBLISHED, keep_default_na=False).groupby("machine", sort=False):
        run = run.set_index("id")
        ours = now[now.index.isin(run.index)]  # later runs have rows that earlier ones lack
        run, told = run.loc[ours.index], ours["verdict"] != ""
        ends = 100 * (run.loc[told, ["low", "high"]] - ours.loc[told, ["low", "high"]]).abs().max(axis=1)
        same = (run["verdict"] == ours["verdict"])[told]
        moved_most = f"{ends.max():.0f} points (`{ends.idxmax()}`)"
        other = (run["value"] != ours["value"]).sum()
        lines.append(f"| {machine} | {same.sum()} of {len(same)} | {other} of {len(ours)} | {moved_most} |")
    said = f"""Published runs of the embedded study (synthetic) on other machines, all by the instructions that a run
    takes by default, against the one published now, on {results.machine(STUDY, committed=True)}. Machines that allow
    the same instructions may still round otherwise. `tests/test_notebooks_run.py` asks the same of each
    machine that runs it.
    The margin is no bound: another machine can move an end by more. The verdict can then change in a row whose
    interval ends nearer to the margin than the end was moved."""
    text = textwrap.fill(" ".join(said.split()), 115)
    return "## Published runs on other machines\n\n" + text + "\n\n" + "\n".join(lines) + "\n"


def keep() -> None:
    """Add the numbers that are published now to PUBLISHED, under their machine, before another machine publishes."""
    columns = ["id", "value", "low", "high", "verdict"]
    now = pd.DataFrame(results.rows(STUDY, committed=True))[columns]
    now.insert(0, "machine", results.machine(STUDY, committed=True))
    older = pd.read_csv(PUBLISHED, keep_default_na=False) if PUBLISHED.is_file() else now.iloc[:0]
    kept = pd.concat([older[older["machine"] != now["machine"].iloc[0]], now])
    kept.to_csv(PUBLISHED, index=False)


def main() -> None:
    """Compute what is missing, and write the page after each combination; or `keep`."""
    if sys.argv[1:] == ["keep"]:
        return keep()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(sys.argv[1] if len(sys.argv) > 1 else temporary)
        found: dict[Case, list[dict]] = {}
        for case in dict.fromkeys(CASES):
            found[case] = rows(STUDY, case, folder, NOTEBOOKS)
            Path(__file__).with_suffix(".md").write_text(page(found), encoding="utf-8")


if __name__ == "__main__":
    main()
