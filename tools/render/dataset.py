"""From rendered frames to data/embedded: fakes, clips, truth, stills and their manifests.

    dataset.py --raw DIR [--out data/embedded] [--people 0:34]

DIR is what render.py wrote. People whose frames are complete are (re)made, the others are left as they are, so that the
command may be given again whenever more people are rendered. The same frames give the same bytes.
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
FPS, JPEG_QUALITY, CRF = 25, 93, (18, 27)
CLIP_COLUMNS = ("clip_id", "file", "label", "pair", "person", "donor", "split", "frames", "width", "height", "fps", "template",
                "strength", "crf", "sha256")
STILL_COLUMNS = ("still_id", "file", "person", "split", "sha256")
REFERENCE = "reference/p00_real_000.png"


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read_rgb(path: Path) -> np.ndarray:
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)


def crf_of(i: int) -> int:
    """The encoder's quality for the real and the fake clip of person i alike: 18 (fine) to 26 (coarse)."""
    return int(np.random.default_rng([i, 71]).integers(*CRF))


def encode(path: Path, frames: np.ndarray, crf: int) -> None:
    """Write frames (T,H,W,3) uint8 RGB as H.264 in MP4: no B-frames, one thread and bit-exact, so always the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options={"fflags": "+bitexact", "movflags": "+faststart"}) as container:
        options = {"crf": str(crf), "preset": "slow", "bf": "0", "g": "25", "flags": "+bitexact", "x264-params": "threads=1"}
        stream = container.add_stream("libx264", rate=FPS, options=options)
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], "yuv420p"
        stream.codec_context.time_base = Fraction(1, FPS)
        for i, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = i
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def head_points(person: people.Person, poses: list[people.Pose]) -> np.ndarray:
    """(T,68,3) millimetres in head axes: the points of the face with each frame's expression, before the rigid pose."""
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


def marks(frames: np.ndarray, otherwise: np.ndarray) -> np.ndarray:
    """(T,68,2) dlib's points of every frame, as a deepfake's maker has them; the true ones where dlib finds no face."""
    found = [landmarks.detect(f) for f in frames]
    return np.stack([o if f is None else f for f, o in zip(found, otherwise, strict=True)])


def complete(raw: Path, i: int) -> bool:
    folders = [raw / kind / f"p{i:02d}" for kind in ("clips", "donors")]
    return all((f / "frames.npz").exists() and len(list(f.glob("frame_*.png"))) >= 16 for f in folders)


def make_person(raw: Path, out: Path, i: int, n_people: int) -> list[dict]:
    """The real and the fake clip of person i, their truth, and their rows of clips.csv."""
    name, donor = f"p{i:02d}", people.donor_of(i, n_people)
    frames, scene = read_scene(raw / "clips" / name)
    poses = people.performance(people.person(i), 0, len(frames))
    points = head_points(people.person(i), poses)
    donor_frames, donor_scene = read_scene(raw / "donors" / name)
    donor_points = project(head_points(people.person(donor), poses), donor_scene)
    truth = {"camera_matrix": scene["camera_matrix"], "R": scene["R"], "t": scene["t"], "points_3d": points.astype(np.float32),
             "points_2d": project(points, scene).astype(np.float32)}
    params, world = swap.draw(i), read_world_model()
    pairs = zip(frames, marks(frames, truth["points_2d"]), donor_frames, marks(donor_frames, donor_points), strict=True)
    fakes, masks = (np.stack(x) for x in zip(*(swap.swap(*p, world, params) for p in pairs), strict=True))
    mask = {"swap_mask": np.packbits(masks, axis=-1), "mask_shape": np.array(masks.shape)}
    shared = {"pair": name, "person": name, "split": people.split_of(i), "frames": len(frames), "height": frames.shape[1],
              "width": frames.shape[2], "fps": FPS, "crf": crf_of(i)}
    fake = {"label": 1, "donor": f"p{donor:02d}", "template": params.template, "strength": params.strength}
    return [write_clip(out, f"{name}_real", frames, truth, {"label": 0} | shared),
            write_clip(out, f"{name}_fake", fakes, truth | mask, fake | shared)]


def write_clip(out: Path, clip_id: str, frames: np.ndarray, truth: dict, row: dict) -> dict:
    path = out / f"clips/{clip_id}.mp4"
    encode(path, frames, row["crf"])
    (out / "truth").mkdir(exist_ok=True)
    np.savez_compressed(out / f"truth/{clip_id}.npz", **truth)
    return {"clip_id": clip_id, "file": f"clips/{clip_id}.mp4", **row, "sha256": sha256(path)}


def read_world_model() -> np.ndarray:
    """(68,3) millimetres: the average face, whose front view is the template."""
    return np.loadtxt(landmarks.WORLD_MODEL, delimiter=",", skiprows=1)[:, 1:]


def make_stills(raw: Path, out: Path, i: int) -> list[dict]:
    """The photographs of person i as JPEG, and their rows of stills.csv."""
    (out / "stills").mkdir(parents=True, exist_ok=True)
    rows = []
    for file in sorted((raw / "stills").glob(f"p{i:02d}_*.png")):
        path = out / f"stills/{file.stem}.jpg"
        cv2.imwrite(str(path), cv2.imread(str(file)), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        rows.append({"still_id": file.stem, "file": f"stills/{path.name}", "person": f"p{i:02d}", "split": people.split_of(i),
                     "sha256": sha256(path)})
    return rows


def merge(path: Path, columns: tuple[str, ...], rows: list[dict]) -> None:
    """Write a manifest: new rows replace those of the same people, others stay; sorted by name."""
    old = list(csv.DictReader(path.open(newline=""))) if path.exists() else []
    made = {r["person"] for r in rows}
    keep = [r for r in old if r["person"] not in made] + rows
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(sorted(keep, key=lambda r: (r["person"], r[columns[0]].endswith("_fake"), r[columns[0]])))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--raw", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--people", default="0:34")
    parser.add_argument("--of", type=int, default=34, help="how many people there are: decides who is whose donor")
    args = parser.parse_args()
    clips, stills = [], []
    for i in range(*map(int, args.people.split(":"))):
        if complete(args.raw, i):
            clips += make_person(args.raw, args.out, i, args.of)
            stills += make_stills(args.raw, args.out, i)
            print(f"p{i:02d}", swap.draw(i), "crf", crf_of(i), flush=True)
    merge(args.out / "clips.csv", CLIP_COLUMNS, clips)
    merge(args.out / "stills.csv", STILL_COLUMNS, stills)
    reference = args.raw / "clips/p00/frame_000.png"
    if reference.exists():
        (args.out / "reference").mkdir(exist_ok=True)
        cv2.imwrite(str(args.out / REFERENCE), cv2.imread(str(reference)), [cv2.IMWRITE_PNG_COMPRESSION, 9])


if __name__ == "__main__":
    main()
