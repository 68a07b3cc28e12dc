"""The command `dfd`."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dfdlib.command import progress
from dfdlib.core import errors, paths
from dfdlib.core.errors import SOME, DfdError

app = typer.Typer(no_args_is_help=True, add_completion=True, help="A reproducible study of a deepfake-detection paper.")
data_app = typer.Typer(no_args_is_help=True, help="List, check and prepare data.")


app.add_typer(data_app, name="data")


def _version(wanted: bool) -> None:
    if wanted:
        print(f"dfd {version('dfdlib')}")
        raise typer.Exit


@app.callback()
def _root(
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")] = False,
) -> None:
    """Exit codes: 0 done; 1 a defect in this program; 2 something that you can fix (the message says what)."""


@app.command()
def run(
    study: Annotated[str, typer.Argument(help="A file name in studies/ without .yaml.")] = "embedded",
    notebooks: Annotated[list[str] | None, typer.Argument(help="Such as 03; all of them by default.")] = None,
    scheduler: Annotated[str, typer.Option(help="Sweeps and folds on a Dask cluster: tcp://HOST:PORT.")] = "",
    again: Annotated[bool, typer.Option("--again", help="Also where nothing has changed since the last run.")] = False,
) -> None:
    """Run a study's notebooks, unless nothing has changed since they were run, and print its claim table."""
    from dfdlib.command import run
    from dfdlib.core import parallel
    from dfdlib.evaluation import claims

    console = progress.console()
    if scheduler:
        parallel.use(scheduler)
    folder = run.run_study(study, console, notebooks or (), again)
    console.print(_claims(claims.claim_table(study), claims.beside_published(study), study))
    console.print(f"Executed notebooks: {folder}", soft_wrap=True)
    console.print(f"Figures:            {paths.figures(study)}", soft_wrap=True)
    console.print(f"Results:            {paths.results(study) / f'{study}.json'}", soft_wrap=True)


def _claims(rows: list[tuple[str, ...]], published: dict[str, str], study: str) -> Table:
    """The claim table, with the published run's value next to each of this run's where there is one."""
    from dfdlib.core import studies
    from dfdlib.evaluation import results

    synthetic = " (synthetic data: rendered faces)" if studies.load(study).dataset == "embedded" else ""
    machines = [results.machine(study, committed) or "unknown" for committed in (False, True)]
    where = f"This run: {machines[0]}. Published: {machines[1]}; in brackets, this run minus the published one,"
    inside = "and whether the published value lies inside this run's interval."
    caption = f"{where} {inside}" if published else f"This run: {machines[0]}."
    table = Table(title=f"Claims, study {study}{synthetic}", title_justify="left")
    table.caption, table.caption_justify = caption, "left"
    beside = ["Published"] if published else []
    for column in ("Claim", "Paper", "This run", "95 % interval", *beside, "Verdict", "Precision"):
        table.add_column(column)
    for claim, paper, value, interval, *words in rows:
        table.add_row(claim, paper, value, interval, *(published.get(claim, "") for _ in beside), *words)
    return table


@app.command()
def train(
    study: Annotated[str, typer.Argument(help="A file name in studies/ without .yaml.")] = "embedded",
    recipe: Annotated[
        str,
        typer.Argument(help="paper, one-cycle, one-cycle-validated, no-fakes, fwa, frozen, compare."),
    ] = "paper",
) -> None:
    """Train a study's classifier without its notebooks, which then find the finished run.

    On N devices: torchrun --nproc-per-node N -m dfdlib train STUDY RECIPE
    """
    from dfdlib.command import recipes

    for line in recipes.train_by_name(study, recipe):
        if os.environ.get("RANK", "0") == "0":  # torchrun starts one process per device
            print(line, flush=True)


@app.command()
def predict(
    given: Annotated[list[Path], typer.Argument(metavar="VIDEO|IMAGE|FOLDER...", help="What to judge.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV instead of a table.")] = False,
    report: Annotated[Path | None, typer.Option(metavar="FILE.html", help="Also write a page with pictures.")] = None,
    frames: Annotated[int, typer.Option(min=1, max=1000, help="Frames of a video to look at.")] = 32,
    rule: Annotated[str, typer.Option(help="resnet (the network), mean, either or both.")] = "resnet",
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask, however many files there are.")] = False,
) -> None:
    """Judge the faces in pictures and videos, offline. A score is not evidence: do not accuse anybody with it.

    "No sign of a swap found" does not mean that a file is real: beside each verdict is how many unseen swaps this
    detector finds. "Inconclusive": too few frames could be judged, or the score is too near to 0.5 or varies across it.
    Up to four people are judged by themselves, and the file is as suspicious as the most suspicious of them.

    Of a folder, every file that is a picture or video is judged, whatever its name, and the others are named.

    Exit codes: 0 every file was judged, whatever the verdict; 2 no file could be judged, or the report not be written
    (the verdicts are printed all the same); 3 some files could not be judged.
    """
    from dfdlib.command import verdicts

    if as_json and as_csv:
        raise DfdError("Both --json and --csv were asked for; choose one of them.")
    form = "json" if as_json else "csv" if as_csv else "table"
    code = verdicts.predict_all(given, form, report, frames, rule, yes)
    if code:
        raise typer.Exit(code)


@app.command()
def publish(study: Annotated[str, typer.Argument(help="embedded or uadfv.")] = "embedded") -> None:
    """Copy a finished run's results into the repository, and for the embedded study its figures and notebooks too.

    For maintainers: a run by itself changes no tracked file.
    """
    from dfdlib.command import publish as publishing

    print(f"Published the run of the study {study} on {publishing.publish(study)}.")


@app.command()
def readme(
    check: Annotated[bool, typer.Option(help="Only check that the tables match results/*.json.")] = False,
) -> None:
    """Fill README's tables from results/*.json."""
    from dfdlib.evaluation import claims

    claims.check_readme() if check else claims.write_readme()


@data_app.command()
def status(
    study: Annotated[str, typer.Argument(help="A file name in studies/ without .yaml.")] = "embedded",
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Show which data are found and which are missing, and whether the study can start (exit code 2 if not)."""
    from dfdlib.command import check
    from dfdlib.core import studies
    from dfdlib.data import status

    params = studies.load(study)
    rows = status.status(params)
    refusal = check.refusal(params, rows)
    if as_json:
        found = [dataclasses.asdict(row) for row in rows]
        print(json.dumps({"study": study, "can_start": not refusal, "data": found}, indent=2))
    else:
        console = progress.console()
        console.print(_data_table(rows, study))
    if refusal:
        raise DfdError(refusal)
    if not as_json:
        print(f"The study {study} can start.")


def _data_table(rows: list, study: str) -> Table:  # of status.SourceStatus
    table = Table("", "Data", "Where", "Found", "Missing", "For", title="Data", title_justify="left")
    table.caption, table.caption_justify = f"* needed by the study {study}", "left"
    for row in rows:
        found = ", ".join(f"{count:,} {name}" for name, count in row.found.items())
        where = f"{row.variable}\n{errors.printable(row.folder)}".strip()
        missing = errors.printable(row.missing) if row.folder else "not set"
        cells = ("*" if row.needed else "", row.name, where, found, missing, row.use)
        table.add_row(*(Text(cell) for cell in cells))  # a folder's name may contain what rich takes for markup
    return table


@data_app.command()
def verify(
    folder: Annotated[
        Path | None, typer.Argument(help="A copy of UADFV with real/ and fake/; by default data/embedded.")
    ] = None,
) -> None:
    """Compare UADFV's videos with the committed sha256 manifest, or the embedded data with their tables."""
    from dfdlib.data import catalogue, status, uadfv

    if folder is not None and not folder.is_dir():
        raise DfdError(f"There is no folder {folder}; name the one that holds real/ and fake/.")
    if folder is not None and not any((folder / kind).is_dir() for kind in catalogue.LABELS):
        raise DfdError(
            f"{folder} is not a copy of UADFV: it has neither real/ nor fake/; name the folder that holds them."
        )
    problems = status.verify_embedded() if folder is None else uadfv.verify(folder)
    for problem in problems:
        print(errors.printable(problem))
    if problems and folder is None:
        what = f"{len(problems)} of the embedded files differ from their tables, as listed above"
        raise DfdError(f"{what}; check out data/embedded again.")
    if problems:
        many = f"differs from the manifest in {len(problems)} of 98 videos, listed above"
        raise DfdError(f"{folder} {many}; copy them again.")
    print("All 98 videos match the manifest." if folder else "The embedded clips and stills match their tables.")


@data_app.command()
def prepare(
    source: Annotated[Path, typer.Argument(help="A folder of videos, with or without a clips.csv.")],
    out: Annotated[Path, typer.Argument(help="The folder for the face tracks; a second run resumes there.")],
    max_frames: Annotated[int, typer.Option(min=0, help="Frames to look at, evenly spaced; 0 means all.")] = 32,
    upsample: Annotated[
        int, typer.Option(min=0, max=3, help="1 also finds faces 40 pixels wide, in four times the time.")
    ] = 0,
    margin: Annotated[float, typer.Option(min=0, max=2, help="Margin as a share of the landmarks' size.")] = 0.1,
    size: Annotated[int, typer.Option(min=16, max=1024, help="Side of a face crop in pixels.")] = 128,
    follow: Annotated[
        bool, typer.Option(help="Follow the face instead of searching each frame: two to three times as fast.")
    ] = False,
    jobs: Annotated[int, typer.Option(min=1, help="Clips prepared in parallel.")] = os.cpu_count() or 1,
    scheduler: Annotated[str, typer.Option(help="Use a Dask cluster instead: tcp://HOST:PORT.")] = "",
) -> None:
    """Find and crop the face in every video of a folder.

    A study with the same values under `faces:` gets the same crops from OUT as from the videos. With --follow it does
    not: on real clips 99 % of the frames got the landmarks of --upsample 1 to within one percent of the face's width,
    and 88 % those of no upsampling; single frames differ by more. A study also needs a clips.csv in the folder
    (data/README.md). Exit codes: 0 all clips prepared; 2 none; 3 some were skipped.
    """
    from dfdlib.core.studies import FaceParams
    from dfdlib.faces import prepare

    params = FaceParams(max_frames=max_frames, upsample=upsample, margin=margin, size=size)
    prepare.check_out(source, out)
    show = progress.shown(Console(), "clips")
    with progress.logged(out / "prepare.log"):
        rows = prepare.prepare_folder(source, out, params, jobs, scheduler, show, follow, _on_stderr)
    skipped = [row for row in rows if row.status == prepare.SKIPPED]
    for row in skipped:
        print(errors.printable(f"skipped: {row.reason}"), file=sys.stderr)
    print(f"{len(rows) - len(skipped)} of {len(rows)} clips prepared, {len(skipped)} skipped. Log: {out}/prepare.log")
    if len(skipped) == len(rows):
        raise DfdError(f"None of the {len(rows)} clips of {source} could be prepared, for the reasons above.")
    if not (out / "clips.csv").is_file():
        print(f"A study also needs {out / 'clips.csv'}: write one into {source} (data/README.md) and run this again.")
    if skipped:
        raise typer.Exit(SOME)


def _on_stderr(sentence: str) -> None:
    print(f"{sentence}.", file=sys.stderr)


def main() -> None:
    """Entry point: a user's mistake becomes one sentence on stderr and exit code 2."""
    errors.or_sentence(app, "dfd: ")
