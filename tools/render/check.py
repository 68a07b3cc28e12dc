"""Measure data/embedded against its bars, and draw contact sheets.

    python tools/render/check.py [--data data/embedded] [--build build]

Prints every bar with its number. Writes build/contact_sheet_NN.jpg (each person's real clip above the fake
one; true landmarks green, dlib's red, the swapped region outlined) and data/embedded/contact_sheet.jpg, the
small one. Needs the study's own environment (PyAV, OpenCV, dlib, scikit-learn, pandas), not the renderer.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
from functools import lru_cache
from pathlib import Path

import av
import cv2
import landmarks
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

ROOT = Path(__file__).resolve().parents[2]
INNER = slice(17, 68)
CUES = [
    "bytes",
    "frames",
    "width",
    "height",
    "crf",
    "red",
    "green",
    "blue",
    "edge_red",
    "edge_green",
    "edge_blue",
    "edge_spread",
]
# Renders frame 0 of person 0 as render.py does; run by the renderer's Python.
RERENDER = """
import sys; sys.path.insert(0, sys.argv[1])
import people, render, scene
person = people.person(0)
scene.render(person, people.performance(person, 0, 16)[:1], render.CLIP, sys.argv[2])
"""


def manifest(data: Path) -> pd.DataFrame:
    return pd.read_csv(data / "clips.csv", dtype={"person": str, "donor": str}, keep_default_na=False)


def frames(path: Path) -> np.ndarray:
    """(T,H,W,3) uint8 RGB."""
    with av.open(str(path)) as container:
        return np.stack([f.to_ndarray(format="rgb24") for f in container.decode(video=0)])


def truth(data: Path, clip_id: str) -> dict[str, np.ndarray]:
    """The arrays of truth/<clip_id>.npz; swap_mask (T,H,W) unpacked to bool."""
    with np.load(data / f"truth/{clip_id}.npz", allow_pickle=False) as file:
        found = dict(file)
    if "swap_mask" in found:
        found["swap_mask"] = np.unpackbits(found["swap_mask"], axis=-1)[..., : found["mask_shape"][2]].astype(bool)
    return found


def wrong_files(data: Path) -> list[str]:
    """Files whose sha256 is not the manifest's, that are missing, or that no manifest names."""
    named = {}
    for table in ("clips.csv", "easy/clips.csv", "stills.csv"):
        rows = pd.read_csv(data / table, keep_default_na=False)
        files = (str(Path(table).parent / file) for file in rows["file"])
        named.update(zip(files, rows["sha256"], strict=True))
    there = {str(p.relative_to(data)) for kind in ("clips", "easy/clips", "stills") for p in (data / kind).iterdir()}
    bad = [f for f in sorted(there & set(named)) if hashlib.sha256((data / f).read_bytes()).hexdigest() != named[f]]
    return bad + sorted(there ^ set(named))


def size(data: Path) -> float:
    """Megabytes (1e6 bytes) of the whole folder."""
    return sum(p.stat().st_size for p in data.rglob("*") if p.is_file()) / 1e6


@lru_cache(2)
def detections(data: Path) -> pd.DataFrame:
    """One row a frame: clip_id, label, frame, found, and where found `marks` (68,2)."""
    rows = []
    for clip in manifest(data).itertuples():
        for i, picture in enumerate(frames(data / clip.file)):
            marks = landmarks.detect(picture)
            rows.append((clip.clip_id, clip.label, i, marks is not None, marks))
    return pd.DataFrame(rows, columns=["clip_id", "label", "frame", "found", "marks"])


def landmark_errors(data: Path, label: int = 0) -> np.ndarray:
    """(N,68) distance of dlib's points from the projected truth, in shares of the true distance of the outer
    eye corners."""
    found = detections(data).query("found and label == @label")
    out = []
    for clip_id, group in found.groupby("clip_id"):
        true = truth(data, clip_id)["points_2d"].astype(float)[group["frame"]]
        unit = np.linalg.norm(true[:, 45] - true[:, 36], axis=1)
        out.append(np.linalg.norm(np.stack(group["marks"].tolist()) - true, axis=2) / unit[:, None])
    return np.concatenate(out)


def pose_errors(data: Path, marked: bool) -> np.ndarray:
    """Degrees between the true rotation and solvePnP's, with the true camera and 3D points 18-68: on dlib's
    points of the real clips if `marked`, else on the projected truth of all clips (all 68 points)."""
    rows = detections(data).query("found and label == 0") if marked else detections(data)
    out = []
    for clip_id, group in rows.groupby("clip_id"):
        t = truth(data, clip_id)
        for i, marks in zip(group["frame"], group["marks"], strict=True):
            which = INNER if marked else slice(0, 68)
            p = (marks if marked else t["points_2d"][i])[which].astype(float)
            out.append(_angle(t["points_3d"][i][which].astype(float), p, t["camera_matrix"], t["R"][i]))
    return np.array(out)


def _angle(points: np.ndarray, pixels: np.ndarray, camera: np.ndarray, rotation: np.ndarray) -> float:
    _, rvec, _ = cv2.solvePnP(points, pixels, camera, None, flags=cv2.SOLVEPNP_SQPNP)
    # The chord between the two rotations: exact for small angles, where the arc cosine of the trace is not.
    chord = np.linalg.norm(cv2.Rodrigues(rvec)[0] - rotation) / np.sqrt(8)
    return float(np.degrees(2 * np.arcsin(min(chord, 1))))


def cues(data: Path) -> pd.DataFrame:
    """What a lazy classifier could look at, one row a clip: see CUES; the edge is the outer 8 pixels."""
    rows = []
    for clip in manifest(data).itertuples():
        x = frames(data / clip.file).astype(float)
        edge = np.ones(x.shape[1:3], bool)
        edge[8:-8, 8:-8] = False
        colours, border = x.mean((0, 1, 2)), x[:, edge]
        rows.append(
            (
                clip.person,
                clip.split,
                clip.label,
                np.log((data / clip.file).stat().st_size),
                len(x),
                x.shape[2],
                x.shape[1],
                clip.crf,
                *colours,
                *border.mean((0, 1)),
                border.std(),
            )
        )
    return pd.DataFrame(rows, columns=["person", "split", "label", *CUES])


def cue_auc(table: pd.DataFrame) -> tuple[float, float]:
    """AUC of a logistic regression on the cues: on the test people, fitted on the others; and over all
    people, each scored by a model that never saw them (10 folds by person)."""
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    fit, test = table[table["split"] != "test"], table[table["split"] == "test"]
    held_out = model.fit(fit[CUES], fit["label"]).predict_proba(test[CUES])[:, 1]
    pooled = cross_val_predict(
        model, table[CUES], table["label"], groups=table["person"], cv=GroupKFold(10), method="predict_proba"
    )
    return roc_auc_score(test["label"], held_out), roc_auc_score(table["label"], pooled[:, 1])


def rerender_psnr(data: Path, folder: Path) -> float:
    """PSNR in dB of frame 0 of person 0, rendered again by DFD_RENDER_PYTHON, against the committed lossless
    picture."""
    command = [os.environ["DFD_RENDER_PYTHON"], "-c", RERENDER, str(ROOT / "tools/render"), str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    return cv2.PSNR(cv2.imread(str(folder / "frame_000.png")), cv2.imread(str(data / "reference/p00_real_000.png")))


def _dots(picture: np.ndarray, points: np.ndarray, colour: tuple[int, int, int], radius: int) -> None:
    for x, y in points:
        cv2.circle(picture, (round(float(x)), round(float(y))), radius, colour, -1, cv2.LINE_AA)


def person_rows(data: Path, person: str, picks: tuple[int, ...] = (0, 5, 10)) -> np.ndarray:
    """Real above fake: three frames, then the last of them with landmarks (real) or the swapped region
    (fake)."""
    rows = []
    for kind in ("real", "fake"):
        x, t, i = frames(data / f"clips/{person}_{kind}.mp4"), truth(data, f"{person}_{kind}"), picks[-1]
        marked = x[i].copy()
        if kind == "fake":
            outline = cv2.findContours(t["swap_mask"][i].astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
            cv2.drawContours(marked, outline, -1, (255, 0, 0), 1)
        else:
            _dots(marked, t["points_2d"][i], (0, 255, 0), 2)
            if (marks := landmarks.detect(x[i])) is not None:
                _dots(marked, marks, (255, 0, 0), 1)
        rows.append(np.hstack([*(x[j] for j in picks), marked]))
    return np.vstack(rows)


def sheets(data: Path, build: Path) -> None:
    """Write the large sheets (four people each, two side by side) and the small one (every person, real above
    fake)."""
    build.mkdir(exist_ok=True)
    names = sorted(set(manifest(data)["person"]))
    for k in range(0, len(names), 4):
        blocks = [person_rows(data, n) for n in names[k : k + 4]]
        cv2.imwrite(
            str(build / f"contact_sheet_{k // 4:02d}.jpg"),
            np.vstack(blocks)[..., ::-1],
            [cv2.IMWRITE_JPEG_QUALITY, 88],
        )
    columns, tile = 9, 104
    shrink = [
        np.vstack(
            [
                cv2.resize(frames(data / f"clips/{n}_{kind}.mp4")[0], (tile, tile), interpolation=cv2.INTER_AREA)
                for kind in ("real", "fake")
            ]
        )
        for n in names
    ]
    shrink += [np.full_like(shrink[0], 255)] * (-len(shrink) % columns)
    rows = [np.hstack(shrink[k : k + columns]) for k in range(0, len(shrink), columns)]
    cv2.imwrite(str(data / "contact_sheet.jpg"), np.vstack(rows)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])


def report(data: Path) -> None:
    """Print every bar with its number."""
    table, found, errors = manifest(data), detections(data), landmark_errors(data)
    on_truth, on_marks, (test, pooled) = (
        pose_errors(data, False),
        pose_errors(data, True),
        cue_auc(cues(data)),
    )
    stills = pd.read_csv(data / "stills.csv", keep_default_na=False)
    counts = f"people {table['person'].nunique()}, clips {len(table)}, frames {len(found)}, stills {len(stills)}"
    print(f"{counts}, {size(data):.1f} MB")
    print("split  " + ", ".join(f"{k} {v}" for k, v in table.groupby("split")["person"].nunique().items()))
    print(f"files that do not match the manifest: {len(wrong_files(data))}")
    shares = found.groupby("label")["found"].mean()
    print(f"face found: real {shares[0]:.2%}, fake {shares[1]:.2%} (bar 99 %)")
    inner, contour, fake = (
        errors[:, INNER].mean(),
        errors[:, :17].mean(),
        landmark_errors(data, 1)[:, INNER].mean(),
    )
    print("landmarks' miss as a share of the outer eye corners' distance:")
    print(f"  real 18-68 {inner:.2%} (bar 5 %), 1-17 {contour:.2%}; fake 18-68 {fake:.2%}")
    print(f"pose on the projected truth: worst {on_truth.max():.6f} degrees (bar 0.1)")
    middle, late = np.percentile(on_marks, [50, 95])
    print(f"pose on dlib's points 18-68, real: median {middle:.2f}, 95th percentile {late:.2f} degrees")
    print(f"trivial cues: AUC {test:.3f} on the test people, {pooled:.3f} over all people (bar 0.4-0.6)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT / "data/embedded")
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    args = parser.parse_args()
    sheets(args.data, args.build)
    report(args.data)


if __name__ == "__main__":
    main()
