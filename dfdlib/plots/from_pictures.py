"""The figures that show pictures, or landmarks found in them; a function is named as the file of its figure."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dfdlib.data import sources
from dfdlib.experiments import known_poses, pose_factorial
from dfdlib.faces import detection, face_tracks, frames, geometry
from dfdlib.headpose import pnp, worldmodel
from dfdlib.plots import canvas, image_figures, pose_figures
from dfdlib.plots.source import Drawn, Source
from dfdlib.superres import lr_hr

MODELS = {"own": "our world model", "placed, 8% off": "placed by hand, 8 % off", "own, mirrored": "mirrored in depth"}
KINDS = {0: "real, called fake", 1: "fake, called real"}


def fig01_real_and_fake(of: Source) -> Drawn:
    """Fake beside real."""
    shown = frames.one_pair_each(of.seen, 6)
    crops = (of.seen.crops[shown[kind]] for kind in ("real", "fake"))
    return image_figures.real_and_fake(*crops, shown["person"]), shown, None


def fig03_landmarks(of: Source) -> Drawn:
    """The 68 landmarks on the first frame."""
    points = of.seen.points[0]
    fig = image_figures.landmarks(frames.image(of.study, of.seen.table.iloc[0]), points)
    return fig, image_figures.point_table(points), None


def fig04_downsampled(of: Source) -> Drawn:
    """Images and their downsampled versions."""
    stills, scale = sources.stills(of.study).query("split == 'test'"), of.study.superres.scale
    shown = stills.drop_duplicates("person").head(5)
    large = [lr_hr.crop_to_multiple(detection.read_image(path), scale) for path in shown["path"]]
    fig = image_figures.downsampled(large, [lr_hr.downsample(image, scale) for image in large], scale)
    return fig, shown[["person", "split"]], canvas.stills_mark(of.study)


def fig05_wrong_pose(of: Source) -> Drawn:
    """Head poses by a right and two wrong world models, on the most turned face, and the true pose if it is known."""
    models, seen = pose_factorial.world_models(of.seen, of.study), of.seen
    solved = {n: pnp.whole_and_central(seen.points, seen.sizes, models[n], "sqpnp") for n in MODELS}
    row = pnp.most_turned(solved["own"][0], at_most=30)
    shown = {title: tuple(poses.rows([row]) for poses in solved[name]) for name, title in MODELS.items()}
    shot, camera = seen.table.iloc[row], pnp.camera_matrix(*seen.sizes[row])
    true = pose_figures.true_pose(shot, shown[MODELS["own"]][0]) if of.study.dataset == "embedded" else None
    both = {title: pnp.join(*pair) for title, pair in shown.items()}
    fig = pose_figures.poses(frames.image(of.study, shot), both, camera, true)
    return fig, pose_figures.pose_table(shown), None


def _world(of: Source) -> np.ndarray:
    return worldmodel.world_model(of.study.headpose.world_model)


def _poses(of: Source, solver: str) -> tuple[pnp.Poses, pnp.Poses]:
    return pnp.whole_and_central(of.seen.points, of.seen.sizes, _world(of), solver)


def fig11_face_rectangle(of: Source) -> Drawn:
    """The detector's box, the square that a crop is cut from, and the crop, of one clip; a frame without a face."""
    seen, params, clips = of.seen, of.study.faces, frames.clips(of.study)
    one = seen.table.index[seen.table["clip_id"] == clips[0].clip_id]
    chosen = one[:: max(len(one) // 4, 1)][:4]
    failed = face_tracks.missed(clips, frames.tracks(of.study, clips), params).head(1)
    shown = pd.concat([seen.table.loc[chosen], failed])
    images = [frames.image(of.study, row) for _, row in shown.iterrows()]
    boxes = [detection.largest(image, params.upsample) for image in images]
    names = [f"{row.clip_id}, frame {row.frame}" for row in shown.itertuples()]
    squares = [geometry.face_rectangle(seen.points[row], params.margin) for row in chosen]
    return image_figures.tracked(images, names, boxes, squares, seen.crops[chosen]), seen.table.loc[chosen], None


def fig14_pose_error_by_yaw(of: Source) -> Drawn:
    """Error of the solved pose over the true yaw; of rendered faces."""
    errors = known_poses.rendered(of.seen, _world(of), of.study.headpose.solver)
    return pose_figures.error_by_yaw(errors), errors, None


def fig15_flips(of: Source) -> Drawn:
    """Yaw of both poses and the angle between them, frame by frame, of a real clip that the default solver flips."""
    flipped = pnp.behind_camera(_poses(of, "iterative")[1]) & (of.seen.labels == 0)
    turning = known_poses.over_time(of.study, of.seen.table["clip_id"][np.argmax(flipped)], _world(of))
    return pose_figures.over_time(turning), turning, None


def fig30_pose_by_hand(of: Source) -> Drawn:
    """Both head directions by two solvers, on landmarks as they were found."""
    from dfdlib.plots import pose_widget

    face = pose_widget.first_flip(of.study, of.seen, _poses(of, "iterative")[1], _world(of))
    unmoved = pose_widget.Setting()
    return pose_widget.picture(face, unmoved), pose_widget.reading_table(face, unmoved), None


def fig38_reprojection(of: Source) -> Drawn:
    """Landmarks of the first frame, the model's points by the solved pose, and the world model."""
    points, world = of.seen.points[0].astype(float), _world(of)
    pose = pnp.solve(points[None], world, pnp.camera_matrix(*of.seen.sizes[0]), pnp.WHOLE, "sqpnp")
    pixels = pnp.project(world, pose.rvec[0], pose.tvec[0], pnp.camera_matrix(*of.seen.sizes[0]))
    fig = pose_figures.reprojection(frames.image(of.study, of.seen.table.iloc[0]), points, pixels, world)
    return fig, pd.DataFrame(np.hstack([points, pixels, world]), columns=["x", "y", "u", "v", "X", "Y", "Z"]), None


def fig46_mistakes(of: Source) -> Drawn:
    """The surest mistakes of the ResNet on test frames."""
    part, scored, rows = of.seen.part("test"), of.scores("resnet", "test"), {}
    index = {(row.clip_id, row.frame): place for place, row in enumerate(part.table.itertuples())}
    off = scored.assign(off=(scored["p_fake"] - scored["label"]).abs()).query("off > 0.5")
    surest = off.sort_values("off", ascending=False, kind="stable").drop_duplicates("clip_id")
    for label, kind in KINDS.items():
        wrong = surest[surest["label"] == label].head(6).itertuples()
        rows[kind] = [(part.crops[index[row.clip_id, row.frame]], f"p_fake {row.p_fake:.2f}") for row in wrong]
    return image_figures.mistakes(rows), surest, None
