"""Nonsense made by hypothesis: a right-shaped, finite answer or one sentence, never another error."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from sklearn.metrics import roc_auc_score

from dfdlib.core import disk, studies, values
from dfdlib.core.errors import DfdError
from dfdlib.data import media_files, splits
from dfdlib.data.catalogue import Clip
from dfdlib.evaluation import arbiter, statistics
from dfdlib.faces import face_tracks, geometry, pictures
from dfdlib.headpose import pnp, pose_features, worldmodel
from dfdlib.superres import enlarging
from tests import hostile

quick = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
any_float = st.floats(width=32, allow_nan=True, allow_infinity=True)
pixels = st.floats(-1e4, 1e4, width=32)


def _sentence(error: DfdError) -> bool:
    text = str(error)
    return "\n" not in text and text.endswith(".") and len(text) > 20


def _answer(work: Callable[[], object]) -> object | None:
    """What `work` returns; None where it ends in a sentence. Any other error is the test's failure."""
    try:
        return work()
    except DfdError as error:
        assert _sentence(error), str(error)
        return None


@quick
@given(
    npst.arrays(
        np.float32, st.tuples(st.integers(0, 2), st.sampled_from([68, 5]), st.integers(1, 3)), elements=any_float
    )
)
def test_poses_of_any_points_are_numbers_or_a_sentence(points: np.ndarray) -> None:
    camera = pnp.camera_matrix(640, 480)
    model = np.random.default_rng(0).normal(size=(68, 3)) * 50
    for solver in pnp.SOLVERS:
        poses = _answer(lambda solver=solver: pnp.solve(points, model, camera, np.arange(68), solver))
        if poses is not None:
            assert poses.rvec.shape == poses.tvec.shape == (len(points), 3)
            assert np.isfinite(poses.rvec).all() and np.isfinite(poses.tvec).all()


@quick
@given(npst.arrays(np.float32, (68, 2), elements=pixels), st.floats(0, 2), st.integers(1, 64))
def test_any_rectangle_gives_a_crop_of_the_size_asked_for(points: np.ndarray, margin: float, size: int) -> None:
    image = np.zeros((30, 40, 3), np.uint8)
    box = geometry.face_rectangle(points, margin)
    assert (box[2:] >= box[:2]).all() and (box[:2] <= points.min(0) + 1e-2).all()
    if box[2] - box[0] < 2000:
        cut, corner, scale = geometry.crop(image, box, size)
        assert cut.shape == (size, size, 3) and np.isfinite(corner).all() and scale > 0


@quick
@given(
    npst.arrays(
        st.sampled_from([np.uint8, np.float32, np.int64, bool]),
        npst.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=12),
    ),
    st.sampled_from([2, 3, 4, 1, 7]),
)
def test_any_array_is_enlarged_or_refused(image: np.ndarray, scale: int) -> None:
    large = _answer(lambda: enlarging.upscale(image, scale))
    if large is not None:
        assert large.dtype == np.uint8 and large.shape == (*(scale * n for n in image.shape[:2]), *image.shape[2:])


labels_scores = st.integers(2, 60).flatmap(
    lambda n: st.tuples(
        npst.arrays(np.int64, n, elements=st.integers(0, 1)), npst.arrays(float, n, elements=st.floats(0, 1))
    )
)


@quick
@given(labels_scores)
def test_every_statistic_is_a_share_and_the_auc_is_the_librarys(both: tuple[np.ndarray, np.ndarray]) -> None:
    labels, p_fake = both
    ones = np.ones((1, len(labels)))
    assert (
        0 <= statistics.accuracy(labels, p_fake, ones)[0] <= 1 and 0 <= statistics.brier(labels, p_fake, ones)[0] <= 1
    )
    assert 0 <= statistics.calibration_error(labels, p_fake, ones)[0] <= 1
    if len(set(labels.tolist())) == 2:
        assert statistics.auc(labels, p_fake, ones)[0] == pytest.approx(roc_auc_score(labels, p_fake), abs=1e-9)
        assert 0 <= statistics.eer(labels, p_fake, ones)[0] <= 1
        assert 0 < statistics.average_precision(labels, p_fake, ones)[0] <= 1 + 1e-12


@quick
@given(
    st.lists(
        st.tuples(st.sampled_from("abcdef"), st.integers(0, 1), st.sampled_from("pqrstu")), min_size=1, max_size=30
    )
)
def test_any_clips_are_split_without_a_leak_or_refused(rows: list[tuple[str, int, str]]) -> None:
    clips = [Clip(str(i), Path("x"), label, f"{who}{pair}", who, "own") for i, (who, label, pair) in enumerate(rows)]
    done = _answer(lambda: splits.split(clips, 0))
    if done is not None:
        assert len(done) == len(clips) and not splits.shared(done, "person") and not splits.shared(done, "pair")


@quick
@given(st.sampled_from([*arbiter.RULES, "none"]), st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=20))
def test_any_rule_gives_probabilities(rule: str, scores: list[tuple[float, float]]) -> None:
    base = pd.DataFrame(
        [["c", i, i % 2, "p", "p", "val"] for i in range(len(scores))],
        columns=["clip_id", "frame", "label", "pair", "person", "split"],
    )
    first, second = (base.assign(p_fake=[row[k] for row in scores]) for k in (0, 1))
    done = _answer(lambda: arbiter.combine(first, second, rule))
    if done is not None:
        assert len(done) == len(scores) and done["p_fake"].between(0, 1).all()


@quick
@given(
    st.binary(max_size=300) | st.text(max_size=200).map(lambda text: f"file,label\n{text}".encode("utf-8", "replace"))
)
def test_any_bytes_are_a_table_or_a_sentence(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "clips.csv"
    path.write_bytes(content)
    rows = _answer(lambda: disk.read_table(path, {"file", "label"}))
    assert rows is None or (rows and all({"file", "label"} <= set(row) for row in rows))


@quick
@given(st.text(max_size=200) | st.sampled_from([f"resnet: {{epochs: {v}}}" for v in ("1e9", "-1", "[]", "yes", "0x1")]))
def test_any_text_is_a_study_or_a_sentence(tmp_path_factory: pytest.TempPathFactory, content: str) -> None:
    folder = tmp_path_factory.getbasetemp()
    (folder / "nonsense.yaml").write_text(content, encoding="utf-8", errors="replace")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(studies.paths, "studies", lambda: folder)
        study = _answer(lambda: studies.load("nonsense"))
    assert study is None or isinstance(study, studies.Study)


HEADS = (
    b"\xff\xd8\xff",
    b"\x89PNG",
    b"GIF89a",
    b"BM",
    b"II*\0\x08\0\0\0",
    b"P5 ",
    b"RIFF\0\0\0\0WEBPVP8X",
    b"\0\0\0\x18ftypheic",
)
HEADS += (
    b"\0\0\0\x18ftypisom",
    b"\x1aE\xdf\xa3",
    b"RIFF\0\0\0\0AVI ",
    b"G" + bytes(187) + b"G",
    b"\0\0\1\xba",
    b"OggS\0\2",
    b"FLV\1",
)


@quick
@given(
    st.sampled_from([b"", *HEADS]),
    st.binary(max_size=400),
    st.sampled_from(["", ".jpg", ".MP4", ".ts", ".heic", ".dng", ".\u0301", ".jpg\n"]),
)
def test_any_file_is_a_picture_a_video_or_has_a_reason(
    tmp_path_factory: pytest.TempPathFactory, head: bytes, rest: bytes, ending: str
) -> None:
    folder = tmp_path_factory.mktemp("any")
    (folder / f"any{ending}").write_bytes(head + rest)
    found, left = media_files.below(folder)
    said = media_files.summary(left, folder)
    assert len(found) + sum(map(len, left.values())) == 1 and said.isprintable() and bool(left) == bool(said)
    assert bool(found) == (media_files.kind(folder / f"any{ending}") in ("image", "video"))


def _svm(path: Path) -> None:
    path.write_bytes(pose_features.shipped_svm().read_bytes())


def _stored(path: Path) -> None:
    values.write(path, {"a": np.arange(9.0), "t": pd.DataFrame({"x": ["a", "b"]})})


def _points(path: Path) -> None:
    np.savez(path, frame=np.array(["a/b/1"]), points=np.zeros((1, 68, 2), np.float32))


READERS: dict[str, tuple[str, Callable[[Path], None], Callable[[Path], object]]] = {
    "svm": ("x.safetensors", _svm, pose_features.load_svm),
    "store": ("x.npz", _stored, values.read),
    "landmarks": ("y.npz", _points, lambda path: face_tracks.landmark_table(path)),
    "track": ("z.npz", _stored, lambda path: face_tracks.read_track(path, "z")),
    "world model": (
        "w.csv",
        lambda path: path.write_text("x,y,z\n" + "1,2,3\n" * 68),
        lambda path: worldmodel.world_model(str(path)),
    ),
}


@pytest.mark.parametrize("name", READERS)
@quick
@given(
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=4)), max_size=4),
    st.floats(0, 1),
)
def test_a_file_with_other_bytes_in_it_is_read_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, name: str, changes: list[tuple[float, bytes]], kept: float
) -> None:
    file, make, read = READERS[name]
    path = tmp_path_factory.getbasetemp() / file
    make(path)
    content = bytearray(path.read_bytes())
    for where, new in changes:
        place = int(where * len(content))
        content[place : place + len(new)] = new
    path.write_bytes(content[: int(len(content) * kept) + 1])
    _answer(lambda: read(path))


KINDS = {
    **{f"a{kind}": hostile._animated for kind in hostile.ANIMATED},
    "a.heic": hostile._heic,
    "a.jpg": hostile._noise,
    "a.mp4": hostile._video(6),
    "a.mkv": hostile._video(6, aspect=Fraction(2)),
    "a.ts": hostile._in_fields,
}


@pytest.fixture(scope="module")
def kinds(tmp_path_factory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("kinds")
    for name, make in KINDS.items():
        make(folder / name)
    return {name: (folder / name).read_bytes() for name in KINDS}


@settings(quick, max_examples=150)
@given(
    st.sampled_from(sorted(KINDS)),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=8),
    st.floats(0.1, 1) | st.just(1.0),
)
def test_any_damage_to_a_picture_leaves_pictures_or_a_sentence(tmp_path_factory, kinds, name, bytes_, kept) -> None:
    data = bytearray(kinds[name])
    for place, value in bytes_:
        data[int(place**3 * (len(data) - 1))] = value  # mostly near the start, where the tables are
    path = tmp_path_factory.getbasetemp() / f"damaged-{name}"
    path.write_bytes(data[: max(1, int(kept * len(data)))])
    found = _answer(lambda: list(pictures.read(path, 3).frames))
    for _, image in found or ():
        assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3 and min(image.shape) > 0
