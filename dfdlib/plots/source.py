"""What a figure's numbers are read from: a study's run on this machine, or the tables that came with the repository."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from dfdlib.core import disk, paths, studies
from dfdlib.core.errors import DfdError
from dfdlib.core.studies import Study
from dfdlib.evaluation import results
from dfdlib.faces import frames
from dfdlib.faces.frames import FrameSet


@dataclass(frozen=True)
class Source:
    """A study, and whether its committed tables are read instead of those of a run."""

    study: Study
    committed: bool = False
    given: FrameSet | None = None  # the study's frames, where they are known

    @property
    def data(self) -> str:
        """The study's name in a figure."""
        return results.group(self.study.name)

    @functools.cached_property
    def seen(self) -> FrameSet:
        """The study's frames with their faces: found in half a minute, or read from the cache."""
        return frames.of_study(self.study) if self.given is None else self.given

    def table(self, name: str) -> pd.DataFrame:
        """A table of the study; DfdError if it is missing."""
        return results.table(self.study.name, name, self.committed)

    def scores(self, branch: str, split: str | None = None) -> pd.DataFrame:
        """The first training's scores of a branch, or of one part of its split; DfdError if there are none."""
        return results.scores(self.study.name, branch, split, self.committed)

    def numbers(self, figure: str) -> pd.DataFrame:
        """What a figure showed when it was drawn: the CSV beside it; DfdError if it is missing or another study's."""
        if self.committed and self.study.name != "embedded":
            raise DfdError(f"The repository has {figure}'s numbers for embedded only; run {self.study.name}.")
        path = (paths.published_figures() if self.committed else paths.figures(self.study.name)) / f"{figure}.csv"
        if not path.is_file():
            raise DfdError(f"There is no {path}; first run the notebook that draws this figure.")
        return disk.read_frame(path)

    def rows(self, prefix: str) -> pd.DataFrame:
        """UADFV's committed AUC of frames, and the study's, of the rows `<prefix><name>`, as by `results.rows_of`."""
        names = dict.fromkeys(["uadfv", self.study.name])
        found = [results.rows_of(name, prefix, "frame_auc", self.committed) for name in names]
        return pd.concat([table for table in found if len(table)])

    def both(self) -> tuple[Source, ...]:
        """The study, and beside any other than UADFV the committed tables of UADFV."""
        return (self,) if self.study.name == "uadfv" else (self, Source(studies.load("uadfv"), committed=True))


# A figure, the numbers that it shows, and the line in it that names its data (None: as `canvas.save_figure` says).
Drawn = tuple[Figure, pd.DataFrame, str | None]
Draw = Callable[[Source], Drawn]
