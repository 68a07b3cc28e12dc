"""The commands `dfd data`: status, verify, prepare."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dfdlib.command import helptext, progress
from dfdlib.core import errors
from dfdlib.core.errors import SOME, DfdError

app = helptext.app("List, check and prepare data.")


@app.command(cls=helptext.StudyCommand)
def status(
    study: Annotated[str, typer.Argument(metavar="STUDY", help="One of the studies below.")] = "embedded",
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Show which data are found and which are missing, and whether the study can start (exit code 2 if not).

    For example:

    $ dfd data status uadfv
    """
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


@app.command(cls=helptext.Command)
def verify(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="FOLDER", help="A copy of UADFV with real/ and fake/; by default data/embedded."),
    ] = None,
) -> None:
    """Compare UADFV's videos with the committed sha256 manifest, or the embedded data with their tables.

    For example:

    $ dfd data verify
    $ dfd data verify /data/UADFV
    """
    from dfdlib.data import catalogue, status, uadfv

    if folder is not None and not folder.is_dir():
        what = f"{folder} is a file" if folder.exists() else f"There is no folder {folder}"
        raise DfdError(f"{what}; name the folder with real/ and fake/.")
    if folder is not None and not any((folder / kind).is_dir() for kind in catalogue.LABELS):
        raise DfdError(f"{folder} is not a copy of UADFV: it has neither real/ nor fake/; name the folder with them.")
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


@app.command(cls=helptext.Command, no_args_is_help=True)
def prepare(
    source: Annotated[
        Path,
        typer.Argument(metavar="SOURCE", show_default=False, help="A folder of videos, with or without a clips.csv."),
    ],
    out: Annotated[
        Path,
        typer.Argument(
            metavar="OUT", show_default=False, help="The folder for the face tracks; a second run resumes there."
        ),
    ],
    max_frames: Annotated[
        int, typer.Option(metavar="N", min=0, help="Frames to look at, evenly spaced; 0 means all.")
    ] = 32,
    upsample: Annotated[
        int, typer.Option(metavar="N", min=0, max=3, help="1 also finds faces 40 pixels wide, in four times the time.")
    ] = 0,
    margin: Annotated[
        float, typer.Option(metavar="SHARE", min=0, max=2, help="Margin as a share of the landmarks' size.")
    ] = 0.1,
    size: Annotated[int, typer.Option(metavar="PIXELS", min=16, max=1024, help="Side of a face crop in pixels.")] = 128,
    follow: Annotated[
        bool,
        typer.Option("--follow", help="Follow the face instead of searching each frame: two to three times as fast."),
    ] = False,
    jobs: Annotated[int, typer.Option(metavar="N", min=1, help="Clips prepared in parallel.")] = os.cpu_count() or 1,
    scheduler: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Use a Dask cluster instead: tcp://HOST:PORT.")
    ] = "",
) -> None:
    """Find and crop the face in every video of a folder.

    For example:

    $ dfd data prepare videos tracks

    A study with the same values under `faces:` gets the same crops from OUT as from the videos. With --follow it does
    not: on real clips the landmarks were within one percent of the face's width of those with --upsample 1 in 99 % of
    the frames, and of those without upsampling in 88 %; single frames differ by more. A study also needs a clips.csv
    in the folder (data/README.md).

    Exit codes: 0 all clips prepared; 2 none; 3 some were skipped.
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
