"""The cache: values come back exactly, damage is found, and nothing is lost to a full disk or a second process."""

from __future__ import annotations

import ast
import io
import os
import resource
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest

from dfdlib.core import cache, disk, paths, values
from dfdlib.core.errors import DfdError
from dfdlib.data import sources
from dfdlib.evaluation import results
from dfdlib.evaluation.intervals import Estimate
from dfdlib.faces import detection
from dfdlib.headpose.pnp import Poses


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    for name in ("DFD_CACHE", "DFD_RESULTS"):
        monkeypatch.setenv(name, str(tmp_path_factory.mktemp(name)))


TABLE = pd.DataFrame(
    {
        "clip_id": ["0001", "a,b", "ü"],
        "p_fake": [0.1, np.nan, 1 / 3],
        "frame": np.array([1, 2, 3], np.int32),
        "real": [True, False, True],
    }
)
TABLES = {
    "plain": TABLE,
    "empty": TABLE.iloc[:0],
    "no columns": pd.DataFrame(index=range(3)),
}
REFUSED = {
    "rows with names": TABLE.set_index("clip_id"),
    "cut": TABLE.iloc[1:],
    "twice the same name": pd.concat([TABLE[["frame"]], TABLE[["frame"]]], axis=1),
    "numbered": pd.DataFrame(np.arange(6.0).reshape(2, 3)).astype(object),
    "gaps": pd.DataFrame({"text": ["x", None]}),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_comes_back_exactly(tmp_path: Path, name: str) -> None:
    values.write(tmp_path / "x.npz", TABLES[name])
    found = values.read(tmp_path / "x.npz")
    pd.testing.assert_frame_equal(found, TABLES[name], check_exact=True, check_column_type=True)
    assert type(found.index) is type(TABLES[name].index)


@pytest.mark.parametrize("name", REFUSED)
def test_a_table_that_would_come_back_otherwise_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(TypeError, match="can't be kept"):
        values.write(tmp_path / "x.npz", REFUSED[name])
    assert list(tmp_path.iterdir()) == []


def test_a_tree_comes_back_exactly(tmp_path: Path) -> None:
    arrays = [np.arange(6) > 2] + [np.arange(6, dtype=d).reshape(2, 3) for d in ("u1", "i8", "f2", "f4", "f8", "c16")]
    tree = {
        ("solver", "part"): (arrays, None, True, 3, -0.0, float("inf"), "é\n"),
        1: {"f": np.float32(0.1), "i": np.int64(7), "s": np.array(["a", "bcd"]), "empty": np.zeros((0, 4))},
        "poses": Poses(np.ones((2, 3)), np.zeros((2, 3)), np.array([np.nan, 1.0])),
        "estimate": Estimate(0.1 + 0.2, 0.0, 1.0, 5, "frame"),
    }
    values.write(tmp_path / "x.npz", tree)
    found = values.read(tmp_path / "x.npz")
    assert list(found) == list(tree) and found["estimate"] == tree["estimate"]
    for old, new in zip(arrays, found["solver", "part"][0], strict=True):
        assert old.dtype == new.dtype and np.array_equal(old, new) and new.flags.writeable
    assert found["solver", "part"][1:] == tree["solver", "part"][1:]
    assert np.signbit(found["solver", "part"][4])
    assert type(found[1]["f"]) is np.float32 and found[1]["f"] == np.float32(0.1) and type(found[1]["i"]) is np.int64
    assert found[1]["s"].tolist() == ["a", "bcd"] and found[1]["empty"].shape == (0, 4)
    assert np.array_equal(found["poses"].residual, tree["poses"].residual, equal_nan=True)


@pytest.mark.parametrize("value", [{1, 2}, object(), np.array([None]), len, pd.Series([1])])
def test_what_only_pickle_could_keep_is_refused_and_leaves_no_file(tmp_path: Path, value: object) -> None:
    with pytest.raises(TypeError, match="can't be kept"):
        values.write(tmp_path / "x.npz", value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "node",
    [
        '{"is": "dataclass", "module": "dfdlib.__main__", "class": "main", "of": {}}',
        '{"is": "Popen", "of": {"args": "true"}}',
        '{"is": "Poses", "of": {"args": "true"}}',
        '{"is": ["Poses"], "of": {}}',
        '{"is": "array", "of": 5}',
        '{"is": "array", "of": [0]}',
        '{"is": "table", "of": []}',
        '{"is": "table", "of": [1], "n": 1}',
        '{"is": "table", "of": [[["a"], ["b"]]], "n": 1}',
        '{"is": "dict", "of": [1]}',
        '{"is": "dict", "of": [[[1], 2]]}',
        '{"is": "tuple", "of": 1}',
        '{"of": 1}',
        "[" * 100_000,
        '{"is": "nothing we know", "of": []}',
        "[1, 2",
    ],
)
def test_a_forged_file_runs_nothing(tmp_path: Path, node: str) -> None:
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr(values.TREE, node)
    with pytest.raises(DfdError, match=r"x\.npz is damaged"):
        values.read(tmp_path / "x.npz")


def test_an_array_with_a_pickle_inside_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "0.npy", np.array([{"a": 1}]), allow_pickle=True)
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr(values.TREE, '{"is": "array", "of": 0}')
        archive.write(tmp_path / "0.npy", "0.npy")
    with pytest.raises(DfdError, match="damaged"):
        values.read(tmp_path / "x.npz")


@pytest.mark.parametrize("defect", [TypeError, AttributeError, KeyError, MemoryError])
def test_a_defect_of_our_own_is_no_damaged_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, defect: type) -> None:
    def wrong(*_: object) -> None:
        raise defect("ours")

    values.write(tmp_path / "x.npz", np.arange(3))
    monkeypatch.setattr(disk, "npy_array", wrong)
    for read in (values.read, lambda path: disk.npz_arrays(path, ["0"])):
        with pytest.raises(defect, match="ours"):
            read(tmp_path / "x.npz")
    cv2.imwrite(str(tmp_path / "x.png"), np.zeros((4, 4), np.uint8))
    monkeypatch.setattr(disk, "read_bytes", wrong)
    for read in (detection.read_image, sources.readable):
        with pytest.raises(defect, match="ours"):
            read([tmp_path / "x.png"] if read is sources.readable else tmp_path / "x.png")


@cache.stage
def squares(count: int) -> np.ndarray:
    """A stage for the tests."""
    return np.arange(count) ** 2


def _file() -> Path:
    squares(2000)
    (found,) = (paths.cache() / "squares").glob("*.npz")
    return found


def test_every_flipped_bit_is_found_or_changes_nothing() -> None:
    path, expected = _file(), np.arange(2000) ** 2
    whole, found = path.read_bytes(), 0
    rng = np.random.default_rng(0)
    for place in rng.choice(8 * len(whole), 400, replace=False):
        hurt = bytearray(whole)
        hurt[place // 8] ^= 1 << place % 8
        path.write_bytes(hurt)
        try:
            assert np.array_equal(values.read(path), expected)  # a time of change, say
        except DfdError:
            found += 1
    assert found > 300


@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda data: b"", lambda data: b"x" * 99])
def test_a_damaged_file_is_named_set_aside_and_computed_again(damage: Callable[[bytes], bytes]) -> None:
    path = _file()
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    with pytest.warns(UserWarning, match=f"{path.name} is damaged .* computed again"):
        assert squares(2000)[-1] == 1999**2
    assert np.array_equal(values.read(path), np.arange(2000) ** 2)
    assert path.with_name(f"{path.name}.damaged").read_bytes() == damage(whole)


def test_no_room_left_is_a_sentence_and_leaves_what_was_there(tmp_path: Path) -> None:
    """A limit on the size of files stands for a full disk: the same error of the same call."""
    path = tmp_path / "x.npz"
    values.write(path, 1)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        with pytest.raises(DfdError, match=r"x\.npz can't be written .*; free space there, or set DFD_CACHE"):
            values.write(path, np.random.default_rng(0).random(100_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert values.read(path) == 1 and list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
@pytest.mark.parametrize("options", ["size=64k", "ro"])
def test_a_full_and_a_read_only_disk_are_sentences(tmp_path: Path, options: str) -> None:
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", tmp_path], capture_output=True)
    if mounted.returncode:
        pytest.skip("this machine lets nobody mount")
    try:
        with pytest.raises(DfdError, match="No space left|Read-only file system"):
            values.write(tmp_path / "x.npz", np.random.default_rng(0).random(100_000))
        assert list(tmp_path.iterdir()) == []
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def test_a_place_that_is_no_folder_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DfdError, match="can't be written"):
        values.write(tmp_path / "file" / "x.npz", 1)


def test_what_killed_processes_left_is_swept_and_what_live_ones_write_stays(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    left, live, other = (tmp_path / f"x.npz.{name}.partial" for name in (f"{gone.pid}-1", f"{os.getpid()}-1", "mine"))
    for path in (left, live, other):
        path.touch()
    assert disk.remove_partial(tmp_path) == 1 and not left.exists() and live.exists() and other.exists()
    os.utime(live, (0, 0))
    assert disk.remove_partial(tmp_path) == 1 and not live.exists()


RACE = """
import sys, pandas as pd
from dfdlib.evaluation import results
from dfdlib.evaluation.intervals import Estimate
from tests.test_cache import squares
for i in range(15):
    assert squares(50_000 + i)[-1] == (49_999 + i) ** 2
    results.record("raced", f"{sys.argv[1]}.{i}", Estimate(i, i, i, 1, "frame"))
    rows = {"clip_id": ["a"], "frame": [i], "label": [0], "pair": ["a"], "person": ["a"], "split": ["test"]}
    results.write_scores("raced", f"{sys.argv[1]}{i}", pd.DataFrame(rows | {"p_fake": [0.5]}))
"""


def test_two_runs_at_once_on_one_cache_lose_and_tear_nothing() -> None:
    both = [subprocess.Popen([sys.executable, "-c", RACE, name], cwd=paths.root()) for name in "ab"]
    assert [run.wait() for run in both] == [0, 0]
    assert (
        len(results.rows("raced")) == 30
        and results.read_scores(results._scores_path("raced"))["branch"].nunique() == 30
    )
    kept = list((paths.cache() / "squares").iterdir())
    assert len(kept) == 15 and all(path.suffix == ".npz" and values.read(path)[1] == 1 for path in kept)


def test_a_key_follows_from_libraries_instructions_and_contents_not_from_places(tmp_path: Path, monkeypatch) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "face.png").write_bytes(b"face")
    module = "dfdlib.headpose.pnp"
    first = cache.key(module, tmp_path / "a" / "face.png", 1)
    assert cache.key(module, tmp_path / "b" / "face.png", 1) == first
    assert cache.key(module, tmp_path / "a" / "face.png", 2) != first
    (tmp_path / "b" / "face.png").write_bytes(b"another face")
    assert cache.key(module, tmp_path / "b" / "face.png", 1) != first
    with monkeypatch.context() as patch:
        patch.setattr(cache.repro, "library_versions", lambda: (("torch", "0.0"),))
        assert cache.key(module, tmp_path / "a" / "face.png", 1) != first
    networks = "dfdlib.experiments.resolution"  # which imports a module that defines some
    keys = cache.key(module, 1), cache.key(networks, 1)
    monkeypatch.setenv("ATEN_CPU_CAPABILITY", "default")
    assert cache.key(module, 1) == keys[0], "PyTorch's instructions change nothing that it does not compute"
    assert cache.key(networks, 1) != keys[1]


@pytest.mark.parametrize(
    "changed", ["dfdlib.experiments.resolution", "dfdlib.resnet.classifier", "dfdlib.faces.geometry"]
)
def test_a_key_follows_from_the_code_of_all_modules_below(changed: str, monkeypatch) -> None:
    """Also of those that a module imports inside a function, and of those that these import; not from comments."""
    module, read = "dfdlib.experiments.resolution", cache._source
    cache.code_version.cache_clear()
    before = cache.code_version(module)
    for line, same in (("# a comment", True), ("SOMETHING = 1", False)):
        monkeypatch.setattr(cache, "_source", lambda name, line=line: read(name) + f"\n{line}\n" * (name == changed))
        cache.code_version.cache_clear()
        assert (cache.code_version(module) == before) is same
    monkeypatch.undo()
    cache.code_version.cache_clear()
    found = cache.imported("dfdlib.evaluation.results")
    assert {"dfdlib.core.repro", "dfdlib.evaluation.intervals", "dfdlib.core.disk"} <= found
    assert "dfdlib.plots.canvas" not in found


NPY = io.BytesIO()
np.save(NPY, np.arange(6.0).reshape(2, 3))


@pytest.mark.parametrize(
    ("module", "parser", "call"),
    [(ast, "parse", lambda: cache._bare("x = 1")), (np.lib.format, "read_array_header_1_0", lambda: _read())],
)
def test_threads_parse_one_at_a_time(
    module: ModuleType, parser: str, call: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two at once can end in a SystemError: of the code for a key, or of an array's header, which is Python too."""
    inside, most, parse = [0], [0], getattr(module, parser)

    def slow(*given: Any) -> object:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        time.sleep(0.01)
        inside[0] -= 1
        return parse(*given)

    with monkeypatch.context() as patched:  # undone before the assertion: pytest parses, too, to show a failure
        patched.setattr(module, parser, slow)
        threads = [threading.Thread(target=call) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert most == [1]


def _read() -> None:
    assert disk.npy_array(NPY.getvalue()).tolist() == [[0, 1, 2], [3, 4, 5]]


def test_two_storable_classes_of_one_name_are_refused() -> None:
    with pytest.raises(TypeError, match="two storable dataclasses are called Poses"):
        values.storable(type("Poses", (), {}))
