"""Coverage-guided fuzzing (atheris) of the study's own file readers; benchmarks/fuzzing.md shows the results of a run.

python tools/fuzz.py READER SECONDS runs one; python tools/fuzz.py all SECONDS runs each in turn and writes the page.
atheris is not a dependency of the study; install it separately (`pip install atheris`).
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import atheris
import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # this checkout, not the installed one
with atheris.instrument_imports(include=["dfdlib"]):
    from dfdlib.core import disk, paths, studies, values
    from dfdlib.core.errors import DfdError
    from dfdlib.faces import face_tracks, prepare
    from dfdlib.headpose import pose_features, worldmodel

ROOT = Path(__file__).resolve().parent.parent
FOUND = re.compile(r"stat::number_of_executed_units:\s+(\d+)")


def _study(path: Path) -> None:
    paths.studies = lambda: path.parent
    studies.load(path.stem)


def _npz(**arrays: np.ndarray) -> bytes:
    with io.BytesIO() as file:
        np.savez(file, **arrays)
        return file.getvalue()


def _stored(folder: Path) -> bytes:
    values.write(folder / "seed.npz", {"a": np.arange(9.0), "t": pd.DataFrame({"x": ["a", "b"]}), "p": (1, None)})
    return (folder / "seed.npz").read_bytes()


def _track() -> bytes:
    with io.BytesIO() as file:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("about.json", '{"size": [9, 9], "looked_at": 1}')
        return file.getvalue()


# reader: (file name, function that reads it, valid or nearly valid content to start from)
READERS: dict[str, tuple[str, Callable[[Path], object], Callable[[Path], bytes]]] = {
    "table": (
        "clips.csv",
        lambda path: disk.read_table(path, {"file", "label"}),
        lambda _: b'file,label\n"a,b.mp4",0\nc.mp4,1\n',
    ),
    "landmarks": (
        "l.npz",
        lambda path: face_tracks.landmark_table(path),
        lambda _: _npz(frame=np.array(["a"]), points=np.zeros((1, 68, 2), np.float32)),
    ),
    "svm": ("x.safetensors", pose_features.load_svm, lambda _: pose_features.shipped_svm().read_bytes()),
    "world model": (
        "w.csv",
        lambda path: worldmodel.world_model(str(path)),
        lambda _: b"x,y,z\n" + b"1,2,3\n" * 68,
    ),
    "study": ("s.yaml", _study, lambda _: (paths.studies() / "smoke.yaml").read_bytes()),
    "store": ("c.npz", values.read, _stored),
    "track": ("t.npz", lambda path: face_tracks.read_track(path, "t"), lambda _: _track()),
    "ledger": (
        "prepared.jsonl",
        lambda path: prepare.ledger(path.parent),
        lambda _: b'{"name": "a.mp4", "stamp": "1", "status": "done"}\n',
    ),
}


def fuzz(reader: str, seconds: int) -> None:
    """Feed files to a reader until the time is up; any error but DfdError ends the process with a traceback."""
    name, read, seed = READERS[reader]
    with tempfile.TemporaryDirectory() as place:
        folder, corpus = Path(place) / "work", Path(place) / "corpus"
        folder.mkdir(), corpus.mkdir()
        (corpus / "seed").write_bytes(seed(Path(place)))

        def one(content: bytes) -> None:
            (folder / name).write_bytes(content)
            try:
                read(folder / name)
            except DfdError as error:
                assert "\n" not in str(error), "a sentence of two lines"

        options = [f"-max_total_time={seconds}", "-print_final_stats=1", "-timeout=10", "-rss_limit_mb=2048"]
        atheris.Setup([sys.argv[0], *options, f"-artifact_prefix={place}/", str(corpus)], one)
        atheris.Fuzz()


def every(seconds: int) -> None:
    """Run each reader in a separate process and write the page."""
    rows = []
    for reader in READERS:
        command = [sys.executable, __file__, reader, str(seconds)]
        done = subprocess.run(command, capture_output=True, text=True)
        units = FOUND.search(done.stderr)
        wrong = re.findall(r"^(\w+(?:\.\w+)*(?:Error|Exception|Warning)\b.*)$", done.stdout + done.stderr, re.M)
        rows.append((reader, units[1] if units else "?", str(done.returncode), wrong[-1] if wrong else "none"))
        print(*rows[-1], flush=True)
    head = ("reader", "files read", "exit code", "error that is no sentence")
    lines = ["| " + " | ".join(row) + " |" for row in (head, ("---",) * 4, *rows)]
    text = (
        "# Nonsense for the readers\n\natheris, guided by coverage of dfdlib, from one valid file each, "
        f"{seconds} s a reader (`python tools/fuzz.py all {seconds}`).\n\n"
    )
    (ROOT / "benchmarks" / "fuzzing.md").write_text(text + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    every(int(sys.argv[2])) if sys.argv[1] == "all" else fuzz(sys.argv[1], int(sys.argv[2]))
