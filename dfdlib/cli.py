"""The command `dfd`."""

from __future__ import annotations

import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from dfdlib import paths
from dfdlib.errors import DfdError

app = typer.Typer(no_args_is_help=True, add_completion=True, help="A reproducible study of a deepfake-detection paper.")
data_app = typer.Typer(no_args_is_help=True, help="Check the data that a study needs.")
app.add_typer(data_app, name="data")


def _version(wanted: bool) -> None:
    if wanted:
        print(f"dfd {version('dfdlib')}")
        raise typer.Exit


@app.callback()
def _root(
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")] = False,
) -> None:
    """Exit codes: 0 done, 1 a defect of this program, 2 something that you can mend (the message says what)."""


@app.command()
def run(
    study: Annotated[str, typer.Argument(help="A file name in studies/ without .yaml.")] = "embedded",
    notebooks: Annotated[list[str] | None, typer.Argument(help="Only these, such as 03; all by default.")] = None,
    in_place: Annotated[bool, typer.Option(help="Write the outputs into notebooks/ (embedded study only).")] = False,
) -> None:
    """Run a study's notebooks and print its claim table."""
    from dfdlib import claims
    from dfdlib import study as runner

    if in_place and study != "embedded":
        raise DfdError(f"Only the embedded study may go into notebooks/, not {study!r}; leave --in-place out.")
    console = Console() if sys.stdout.isatty() else Console(width=160)  # a log file has no width of its own
    folder = runner.run(study, console, notebooks or (), in_place)
    console.print(_claims(claims.claim_table(study), study))
    console.print(f"Executed notebooks: {paths.notebooks() if in_place else folder}", soft_wrap=True)
    console.print(f"Figures:            {paths.figures(study)}", soft_wrap=True)
    console.print(f"Results:            {paths.results(study) / f'{study}.json'}", soft_wrap=True)


def _claims(rows: list[tuple[str, ...]], study: str) -> Table:
    from dfdlib import profile

    synthetic = " (synthetic data: rendered faces)" if profile.load(study).dataset == "embedded" else ""
    table = Table(title=f"Claims, study {study}{synthetic}", title_justify="left")
    for column in ("Claim", "Paper", "This study", "95 % interval", "Verdict"):
        table.add_column(column)
    for row in rows:
        table.add_row(*row)
    return table


@app.command()
def train(
    study: Annotated[str, typer.Argument(help="A file name in studies/ without .yaml.")] = "embedded",
    recipe: Annotated[
        str, typer.Argument(help="paper, one-cycle, no-fakes, fwa, frozen, compare, superres.")
    ] = "paper",
) -> None:
    """Train a study's classifier without its notebooks, which then find the finished run.

    On N devices: torchrun --nproc-per-node N -m dfdlib train STUDY RECIPE
    """
    from dfdlib import recipes

    for line in recipes.carry_out(study, recipe):
        if os.environ.get("RANK", "0") == "0":  # torchrun starts this once a device
            print(line, flush=True)


@app.command()
def readme(
    check: Annotated[bool, typer.Option(help="Only say whether the tables are those of results/*.json.")] = False,
) -> None:
    """Fill README's tables from results/*.json."""
    from dfdlib import claims

    claims.check_readme() if check else claims.write_readme()


@data_app.command()
def verify(folder: Annotated[Path, typer.Argument(help="A copy of UADFV with real/ and fake/.")]) -> None:
    """Compare UADFV's videos with the committed sha256 manifest."""
    from dfdlib import data

    if not folder.is_dir():
        raise DfdError(f"There is no folder {folder}; name the one that holds real/ and fake/.")
    problems = data.verify_uadfv(folder)
    for problem in problems:
        print(problem)
    if problems:
        raise DfdError(f"{folder} differs from the manifest in {len(problems)} of 98 videos, listed above; copy them.")
    print("All 98 videos are those of the manifest.")


def main() -> None:
    """Entry point: a user's mistake becomes one sentence on stderr and exit code 2."""
    try:
        app()
    except DfdError as error:
        print(f"dfd: {error}", file=sys.stderr)
        sys.exit(2)
