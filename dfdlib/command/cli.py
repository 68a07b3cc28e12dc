"""The command `dfd`."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from dfdlib.command import cli_course, cli_data, helptext, progress
from dfdlib.core import errors, paths
from dfdlib.core.errors import DfdError

STUDY = typer.Argument(metavar="STUDY", show_default=False, help="One of the studies below.")

FRAMES = "Frames of a video to look at; one alone is judged like a picture, two or three are inconclusive."
RULE = "resnet (the network alone); or with the head pose mean, either (the higher score) or both (the lower)."
EXITS = "Exit codes: 0 done; 1 a defect in this program; 2 something that you can fix (the message says what)."

app = helptext.app(f"A reproducible study of a deepfake-detection paper.\n\n{EXITS}")
app.add_typer(cli_data.app, name="data")


def _version(wanted: bool) -> None:
    if wanted:
        print(f"dfd {version('dfdlib')}")
        raise typer.Exit


@app.callback()
def _root(
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")] = False,
) -> None:
    """Options of `dfd` itself; its help is that of `app`."""


@app.command(cls=helptext.StudyCommand, no_args_is_help=True)
def run(
    study: Annotated[str, STUDY],
    notebooks: Annotated[
        list[str] | None, typer.Argument(metavar="NOTEBOOK", help="Such as 03; all of them by default.")
    ] = None,
    scheduler: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Run sweeps and folds on a Dask cluster: tcp://HOST:PORT.")
    ] = "",
    again: Annotated[bool, typer.Option("--again", help="Run even if nothing has changed.")] = False,
) -> None:
    """Run a study's notebooks, unless nothing has changed since they were run, and print its claim table.

    For example:

    $ dfd run embedded
    $ dfd run uadfv 03 05
    """
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


@app.command(cls=helptext.StudyCommand, no_args_is_help=True)
def train(
    study: Annotated[str, STUDY],
    recipe: Annotated[
        str,
        typer.Argument(metavar="RECIPE", help="paper, one-cycle, one-cycle-validated, no-fakes, fwa, frozen, compare."),
    ] = "paper",
) -> None:
    """Train a study's classifier without its notebooks, which then find the finished run.

    For example, the second on four devices:

    $ dfd train uadfv one-cycle
    $ torchrun --nproc-per-node 4 -m dfdlib train uadfv one-cycle
    """
    from dfdlib.command import recipes

    for line in recipes.train_by_name(study, recipe):
        if os.environ.get("RANK", "0") == "0":  # torchrun starts one process per device
            print(line, flush=True)


@app.command(cls=helptext.Command, no_args_is_help=True)
def predict(
    given: Annotated[
        list[Path], typer.Argument(metavar="VIDEO|IMAGE|FOLDER...", show_default=False, help="What to judge.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV instead of a table.")] = False,
    report: Annotated[Path | None, typer.Option(metavar="FILE.html", help="Also write a page with pictures.")] = None,
    frames: Annotated[int, typer.Option(metavar="N", min=1, max=1000, help=FRAMES)] = 32,
    rule: Annotated[str, typer.Option(metavar="RULE", help=RULE)] = "resnet",
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask, however many files there are.")] = False,
) -> None:
    """Judge the faces in pictures and videos, offline. A score is not evidence; accuse nobody because of it.

    "No sign of a swap found" does not mean that a file is real: beside each verdict stands in how many swaps and real
    videos that were new to it the detector finds signs. "Inconclusive": too few frames could be judged, or the score
    varies across 0.5, or is below it but not so low that few fakes of the kind it was set on would score as low. Up
    to four people are judged separately, and the file is as suspicious as the most suspicious of them.

    In a folder, every file that is a picture or video is judged, whatever its name; other files are listed.

    For example:

    $ dfd predict holiday.mp4 pictures --report report.html

    Exit codes: 0 every file was judged, whatever the verdict; 2 no file could be judged, or the report could not be
    written (the verdicts are printed all the same); 3 some files could not be judged.
    """
    from dfdlib.command import verdicts

    if as_json and as_csv:
        raise DfdError("Both --json and --csv were asked for; choose one of them.")
    form = "json" if as_json else "csv" if as_csv else "table"
    code = verdicts.predict_all(given, form, report, frames, rule, yes)
    if code:
        raise typer.Exit(code)


app.command(cls=helptext.Command)(cli_course.exercises)
app.command(cls=helptext.Command, no_args_is_help=True)(cli_course.grade)


@app.command(cls=helptext.Command)
def publish(
    study: Annotated[str, typer.Argument(metavar="STUDY", help="embedded or uadfv.")] = "embedded",
) -> None:
    """Copy a finished run's results into the repository, and for the embedded study its figures and notebooks too.

    For maintainers: a run by itself changes no tracked file.

    For example:

    $ dfd publish embedded
    """
    from dfdlib.command import publish as publishing

    print(f"Published the run of the study {study} on {publishing.publish(study)}.")


@app.command(cls=helptext.Command)
def readme(
    check: Annotated[bool, typer.Option("--check", help="Only check that the tables match results/*.json.")] = False,
) -> None:
    """Fill README's tables from results/*.json.

    For example:

    $ dfd readme --check
    """
    from dfdlib.evaluation import readme_tables

    readme_tables.check_readme() if check else readme_tables.write_readme()


@app.command(cls=helptext.Command)
def recompute(
    table: Annotated[
        Path | None, typer.Argument(metavar="TABLE", show_default=False, help="A score table; all of them by default.")
    ] = None,
    write: Annotated[bool, typer.Option("--write", help="Also put the numbers into results/, with verdicts.")] = False,
) -> None:
    """Compute again every number that follows from the committed scores, in seconds and without images.

    With a table: its numbers alone, each beside the recorded one if that differs.

    For example:

    $ dfd recompute
    $ dfd recompute results/scores/uadfv.csv
    """
    from dfdlib.evaluation import recompute

    if table is None:
        from dfdlib.experiments import committed

        committed.tell(write)
    else:
        recompute.tell(table, write)


@app.command(cls=helptext.StudyCommand)
def figures(
    study: Annotated[str, typer.Argument(metavar="STUDY", help="One of the studies below.")] = "embedded",
    out: Annotated[Path | None, typer.Option(metavar="FOLDER", help="build/figures by default.")] = None,
) -> None:
    """Draw the figures, in about a minute and without a run; those that show a trained network are copied.

    Their numbers are those of the study's run on this machine, if there is one, else those that came with the
    repository. Each is a PNG, an SVG for print and a CSV of the numbers that it shows.

    For example:

    $ dfd figures embedded --out poster
    """
    from dfdlib.command import drawing

    drawing.draw(study, out)


@app.command(cls=helptext.Command)
def site(
    folder: Annotated[Path | None, typer.Argument(metavar="FOLDER", help="build/site by default.")] = None,
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="Where it will be, for a sitemap.")] = "",
) -> None:
    """Build a site of the notebooks, figures, tables and documents, which needs no network and no server.

    The folder is replaced. The pages show what is stored in the notebooks. With Node.js and its npm they also have a
    Python, in which 31 exercises are answered without an install; npm fetches it, and the exercises are run once.

    For example:

    $ dfd site
    """
    if not importlib.util.find_spec("bs4"):
        raise DfdError(
            "The site is built with packages for developers; install them: python -m pip install -e '.[dev]'."
        )
    builder = paths.root() / "tools" / "site" / "build.py"
    command = [sys.executable, *map(str, filter(None, (builder, folder, address)))]
    if code := subprocess.run(command).returncode:
        raise typer.Exit(code)


def main() -> None:
    """Entry point: a user's mistake becomes one sentence on stderr and exit code 2."""
    try:
        errors.or_sentence(app, "dfd: ")
    except BrokenPipeError:  # a reader such as `head` has seen enough; what is left must not be written at the exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
