"""The real faces that the shipped detector learns from, is chosen on and is tested on: squares at their own resolution.

UADFV's real videos (DFD_UADFV), photographs of CelebA (DFD_CELEBA) and of Labeled Faces in the Wild (DFD_LFW, a folder
of a folder per person). Finding faces takes some minutes; the cache keeps every STRIDE photographs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from dfdlib.core import cache, paths, repro
from dfdlib.core.errors import DfdError
from dfdlib.core.studies import FaceParams, Study
from dfdlib.experiments import transfer
from dfdlib.faces import detection, frames, geometry

WIDE = FaceParams(margin=0.3, size=224)  # of UADFV's squares; a photograph's square has the size it has there
STRIDE = 500  # photographs that the cache keeps together
LARGEST = 256  # pixels: a photograph's square that is larger is shrunk
PARTS = {"train": 0.7, "val": 0.15, "test": 0.15}  # of LFW's people
CELEBA = {"test": (0, transfer.PRESS), "train": (transfer.PRESS, 5500), "val": (5500, 6100)}  # files by number


@dataclass(frozen=True)
class Faces:
    """N real faces of one source."""

    source: str
    squares: list[np.ndarray]  # uint8 RGB (s, s, 3), each of its own side
    points: np.ndarray  # (N, 68, 2) float32 in the pixels of each square
    people: list[str]

    def cut(self, params: FaceParams) -> np.ndarray:
        """The crops (N, S, S, 3) that `dfd predict` would make of them."""
        boxes = (geometry.face_rectangle(points, params.margin) for points in self.points)
        return np.stack([geometry.crop(s, box, params.size)[0] for s, box in zip(self.squares, boxes, strict=True)])

    def one_in(self, every: int) -> Faces:
        """One face in `every`."""
        return replace(self, squares=self.squares[::every], points=self.points[::every], people=self.people[::every])


def real_faces(study: Study, part: str) -> list[Faces]:
    """The real faces of a part (train, val or test) of every source; nobody of UADFV and LFW is in two parts."""
    return [uadfv(study, part), celeba(part), lfw(study.seed, part)]


def uadfv(study: Study, part: str) -> Faces:
    """The real frames of the study's clips of a part."""
    study = replace(study, faces=WIDE)
    clips = [clip for clip in frames.clips(study) if clip.split == part and clip.label == 0]
    found = frames.stack(clips, frames.tracks(study, clips))
    points = geometry.in_crop(found.points, WIDE).astype(np.float32)
    return Faces(study.name, list(found.crops), points, found.table["person"].tolist())


def celeba(part: str) -> Faces:
    """Photographs by number; CelebA's copy names nobody, so each counts as a different person."""
    files = sorted(paths.celeba().glob("*.jpg"))[slice(*CELEBA[part])]
    return _photographs("celeba", files, [file.stem for file in files])


def lfw(seed: int, part: str) -> Faces:
    """Photographs of the people of a part."""
    folder = paths.given("DFD_LFW", "Labeled Faces in the Wild, a folder for each person")
    names = sorted(path.name for path in folder.iterdir() if path.is_dir())
    order = repro.rng(seed, 68).permutation(len(names))
    edges = np.round(np.cumsum([0, *PARTS.values()]) * len(names)).astype(int)
    number = list(PARTS).index(part)
    chosen = sorted(names[i] for i in order[edges[number] : edges[number + 1]])
    files = [file for name in chosen for file in sorted((folder / name).glob("*.jpg"))]
    if not files:
        raise DfdError(f"{folder} holds no folders of .jpg photographs; DFD_LFW must name a folder of one per person.")
    return _photographs("lfw", files, [file.parent.name for file in files])


def _photographs(source: str, files: Sequence[Path], people: Sequence[str]) -> Faces:
    squares, points, kept = [], [], []
    for start in range(0, len(files), STRIDE):
        pixels, sides, marks, index = _found(tuple(files[start : start + STRIDE]))
        ends = np.cumsum(3 * sides**2)
        squares += [p.reshape(s, s, 3) for p, s in zip(np.split(pixels, ends[:-1]), sides, strict=True)]
        points.append(marks)
        kept += [people[start + i] for i in index]
    return Faces(source, squares, np.concatenate(points), kept)


@cache.stage
def _found(files: tuple[Path, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The squares' pixels one after the other, their sides (N,), landmarks (N, 68, 2), and which files have a face."""
    pixels, sides, points, kept = [], [], [], []
    for number, image in enumerate(map(detection.read_image, files)):
        box = detection.largest(image, upsample=1)
        if box is None:
            continue
        marks = detection.landmarks(image, box)
        rectangle = geometry.face_rectangle(marks, WIDE.margin)
        params = replace(WIDE, size=min(math.ceil(rectangle[2] - rectangle[0]), LARGEST))
        square = geometry.crop(image, rectangle, params.size)[0]
        pixels.append(square.reshape(-1))
        sides.append(params.size)
        points.append(geometry.in_crop(marks[None], params)[0].astype(np.float32))
        kept.append(number)
    if not kept:
        raise DfdError(f"No face was found in {len(files)} photographs beside {files[0]}; check the folder.")
    return np.concatenate(pixels), np.array(sides), np.stack(points), np.array(kept)
