"""From rendered frames to data/embedded: easy fakes, clips, truth, stills and their tables; harder.py follows.

    dataset.py --raw DIR [--out data/embedded] [--people 0:34]

DIR holds what render.py wrote. People whose frames are complete are (re)made, the others stay as they
are, so that the command may be given again when more are rendered. The same frames give the same bytes.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
from fractions import Fraction
from pathlib import Path

import av
import cv2
import heads
import landmarks
import numpy as np
import people
import swap

OUT = Path(__file__).parents[2] / "data/embedded"
FPS, JPEG_QUALITY, CRF = 25, 95, (18, 27)
PLAIN_MISS = 0.07
CLIP_COLUMNS = (
    "clip_id",
    "file",
    "label",
    "pair",
    "person",
    "donor",
    "split",
    "frames",
    "width",
    "height",
    "fps",
    "template",
    "strength",
    "crf",
    "sha256",
)
STILL_COLUMNS = ("still_id", "file", "person", "split", "sha256")
REFERENCE = "reference/p00_real_000.png"


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read_rgb(path: Path) -> np.ndarray:
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)


def crf_of(i: int) -> int:
    """The encoder's quality for the real and the fake clip of person i alike: 18 (fine) to 26 (coarse)."""
    return int(np.random.default_rng([i, 71]).integers(*CRF))


def encode(path: Path, frames: np.ndarray, crf: float) -> None:
    """Write frames (T,H,W,3) uint8 RGB as H.264 in MP4: no B-frames, one thread and bit-exact, so always the
    same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options={"fflags": "+bitexact", "movflags": "+faststart"}) as container:
        options = {
            "crf": str(crf),
            "preset": "slow",
            "bf": "0",
            "g": "25",
            "flags": "+bitexact",
            "x264-params": "threads=1",
        }
        stream = container.add_stream("libx264", rate=FPS, options=options)
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], "yuv420p"
        stream.codec_context.time_base = Fraction(1, FPS)
        for i, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = i
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def encode_to_size(path: Path, frames: np.ndarray, crf: float, size: int) -> float:
    """Encode with the rate factor near `crf` that gives a file of about `size` bytes; returns that factor.

    A swapped face holds less detail than the one it hides, so that at one factor the fake is nearly always
    the smaller file of its pair: a cue that has nothing to do with faces.
    """
    low, high = crf - 4.0, crf + 2.0
    for _ in range(8):
        middle = (low + high) / 2
        encode(path, frames, middle)
        low, high = (middle, high) if path.stat().st_size > size else (low, middle)
    return middle


def head_points(person: people.Person, poses: list[people.Pose]) -> np.ndarray:
    """(T,68,3) millimetres in head axes: the points of the face with each frame's expression, before the
    rigid pose."""
    found = [landmarks.points(heads.to_head(heads.vertices(person, p), person)) for p in poses]
    heads.basis.cache_clear()
    return np.stack(found)


def project(points: np.ndarray, scene: dict) -> np.ndarray:
    """(T,68,2) pixels of head points (T,68,3) with a frames.npz's camera_matrix, R and t."""
    x = (np.einsum("tij,tnj->tni", scene["R"], points) + scene["t"][:, None]) @ scene["camera_matrix"].T
    return x[..., :2] / x[..., 2:]


def read_scene(folder: Path) -> tuple[np.ndarray, dict]:
    """Frames (T,H,W,3) and the arrays of frames.npz that render.py left in a folder."""
    with np.load(folder / "frames.npz") as file:
        scene = dict(file)
    return np.stack([read_rgb(folder / f"frame_{i:03d}.png") for i in range(len(scene["t"]))]), scene


def marks(frames: np.ndarray, true: np.ndarray) -> np.ndarray:
    """(T,68,2) dlib's points of every frame, as a deepfake's maker has them, jitter included.

    Where dlib finds no face or misses plainly, a maker would correct by hand: the true points stand in.
    """
    found = []
    for picture, there in zip(frames, true, strict=True):
        points = landmarks.detect(picture)
        if points is None or _miss(points, there) > PLAIN_MISS:
            points = there
        found.append(points)
    return np.stack(found)


def _miss(points: np.ndarray, true: np.ndarray) -> float:
    """Mean distance of points 18-68 as a share of the distance of the outer eye corners."""
    return float(np.linalg.norm(points - true, axis=1)[17:].mean() / np.linalg.norm(true[45] - true[36]))


def complete(raw: Path, i: int) -> bool:
    folders = [raw / kind / f"p{i:02d}" for kind in ("clips", "donors")]
    return all((f / "frames.npz").exists() and len(list(f.glob("frame_*.png"))) >= 16 for f in folders)


def make_person(raw: Path, out: Path, i: int, n_people: int) -> None:
    """Write the real and the easy fake clip of person i, and the real one's truth."""
    name, donor = f"p{i:02d}", people.donor_of(i, n_people)
    frames, scene = read_scene(raw / "clips" / name)
    poses = people.performance(people.person(i), 0, len(frames))
    points = head_points(people.person(i), poses)
    donor_frames, donor_scene = read_scene(raw / "donors" / name)
    donor_points = project(head_points(people.person(donor), poses), donor_scene)
    truth = {k: scene[k] for k in ("camera_matrix", "R", "t")}
    truth |= {"points_3d": points.astype(np.float32), "points_2d": project(points, scene).astype(np.float32)}
    params, world = swap.draw(i), read_world_model()
    # A generator puts the donor's face where it belongs by itself: the donor's points are the true ones.
    pairs = zip(frames, marks(frames, truth["points_2d"]), donor_frames, donor_points, strict=True)
    fakes = np.stack([swap.swap(*p, world, params)[0] for p in pairs])
    real, fake = (out / f"easy/clips/{name}_{kind}.mp4" for kind in ("real", "fake"))
    encode(real, frames, crf_of(i))
    encode_to_size(fake, fakes, crf_of(i), real.stat().st_size)
    (out / "truth").mkdir(exist_ok=True)
    np.savez_compressed(out / f"truth/{name}_real.npz", **truth)


def clip_rows(out: Path, i: int, n_people: int) -> list[dict]:
    """The rows of easy/clips.csv for person i, whose files exist."""
    name, params = f"p{i:02d}", swap.draw(i)
    with np.load(out / f"truth/{name}_real.npz") as truth:
        frames, width = len(truth["t"]), round(2 * truth["camera_matrix"][0, 2] + 1)  # the clips are square
    shared = {"pair": name, "person": name, "split": people.split_of(i), "crf": crf_of(i), "fps": FPS}
    shared |= {"frames": frames, "width": width, "height": width}
    donor = f"p{people.donor_of(i, n_people):02d}"
    fake = {"label": 1, "donor": donor, "template": params.template, "strength": params.strength}
    rows = []
    for kind, own in (("real", {"label": 0}), ("fake", fake)):
        file = f"clips/{name}_{kind}.mp4"
        clip = {"clip_id": f"{name}_{kind}", "file": file, "sha256": sha256(out / "easy" / file)}
        rows.append(clip | shared | own)
    return rows


def read_world_model() -> np.ndarray:
    """(68,3) millimetres: the average face, whose front view is the template."""
    return np.loadtxt(landmarks.WORLD_MODEL, delimiter=",", skiprows=1)[:, 1:]


def make_stills(raw: Path, out: Path, i: int) -> None:
    """Write the photographs of person i as JPEG."""
    (out / "stills").mkdir(parents=True, exist_ok=True)
    for file in sorted((raw / "stills").glob(f"p{i:02d}_*.png")):
        picture = cv2.imread(str(file))
        cv2.imwrite(str(out / f"stills/{file.stem}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])


def still_rows(out: Path, i: int) -> list[dict]:
    """The rows of stills.csv for person i."""
    name, rows = f"p{i:02d}", []
    for path in sorted((out / "stills").glob(f"{name}_*.jpg")):
        still = {"still_id": path.stem, "file": f"stills/{path.name}", "sha256": sha256(path)}
        rows.append(still | {"person": name, "split": people.split_of(i)})
    return rows


def write_table(path: Path, columns: tuple[str, ...], rows: list[dict]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def write_tables(out: Path, n_people: int) -> None:
    """easy/clips.csv and stills.csv of all that is there."""
    there = [i for i in range(n_people) if (out / f"easy/clips/p{i:02d}_fake.mp4").exists()]
    write_table(out / "easy/clips.csv", CLIP_COLUMNS, [r for i in there for r in clip_rows(out, i, n_people)])
    write_table(out / "stills.csv", STILL_COLUMNS, [r for i in there for r in still_rows(out, i)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--raw", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--people", default="0:34")
    parser.add_argument("--of", type=int, default=34, help="how many people there are: decides the donors")
    parser.add_argument("--only", choices=["clips", "stills", "tables"], help="these alone, and the tables")
    args = parser.parse_args()
    for i in range(*map(int, args.people.split(":"))):
        if args.only in (None, "clips") and complete(args.raw, i):
            make_person(args.raw, args.out, i, args.of)
            print(f"p{i:02d}", swap.draw(i), "crf", crf_of(i), flush=True)
        if args.only in (None, "stills"):
            make_stills(args.raw, args.out, i)
    write_tables(args.out, args.of)
    reference = args.raw / "clips/p00/frame_000.png"
    if reference.exists():
        (args.out / "reference").mkdir(exist_ok=True)
        picture = cv2.imread(str(reference))
        cv2.imwrite(str(args.out / REFERENCE), picture, [cv2.IMWRITE_PNG_COMPRESSION, 9])


if __name__ == "__main__":
    main()
