"""The commands `dfd exercises` and `dfd grade`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from dfdlib.command import progress
from dfdlib.core.errors import SOME


def exercises(
    folder: Annotated[Path | None, typer.Argument(metavar="FOLDER", help="Where to copy the notebooks.")] = None,
) -> None:
    """List the exercises by topic with their points, or copy their notebooks to a folder.

    A file that is there already is never overwritten. In this repository, git ignores the folder mine/.

    For example:

    $ dfd exercises
    $ dfd exercises mine
    """
    from dfdlib.command import feedback, grading

    if folder is None:
        print("To get the notebooks: dfd exercises FOLDER")
        progress.console().print(feedback.contents())
        return
    copied, there = grading.hand_out(folder)
    for name in there:
        print(f"skipped: {folder / name} is there already")
    print(f"{len(copied)} notebooks copied to {folder}, {len(there)} skipped. To start: jupyter lab {folder}")


def grade(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", show_default=False, help="The submissions, as they were exported.")
    ],
    csv: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write the points, one row per student.")
    ] = None,
    pages: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Also write class.html and a feedback page per student.")
    ] = None,
    jobs: Annotated[int, typer.Option(metavar="N", min=1, help="Answers run in parallel.")] = os.cpu_count() or 1,
    limit: Annotated[
        float,
        typer.Option(metavar="SECONDS", min=0.1, max=3600, help="Computing time of an exercise's answer and check."),
    ] = 60,
) -> None:
    """Grade submissions: a point for each exercise that is right, and the hint for each that is not.

    Takes a folder for each student, and the folders and file names that Moodle, Canvas and Blackboard export. Files
    that are not recognised are listed. Of several versions the newest counts. Nothing in the folder is changed.

    Answers are executed, each in a process without a network that writes to a temporary folder alone. All the same,
    use an account or a container that has nothing to lose.

    For example:

    $ dfd grade submissions --csv points.csv --pages feedback

    Exit codes: 0 every file was graded; 2 none was; 3 some were not, or could not be read.
    """
    from dfdlib.command import feedback, grading

    feedback.check_places(folder, csv, pages)
    graded = grading.grade(folder, jobs, limit, progress.shown(Console(stderr=True), "checks"))
    for table in feedback.tables(graded):
        progress.console().print(table)
    if csv:
        feedback.write_csv(csv, graded)
    if pages:
        feedback.write_pages(pages, graded)
        print(f"Feedback: {pages / 'class.html'} leads to each student's page.", file=sys.stderr)
    if not graded.shut:
        weak = "Only Python, not the system, kept answers from the network and other files"
        print(f"{weak}; next time use a container.", file=sys.stderr)
    for sentence in graded.others:
        print(sentence, file=sys.stderr)
    if graded.others or graded.unreadable():
        raise typer.Exit(SOME)
