"""Nothing in the repository runs code out of a file, passes text to a shell, or opens a connection on its own.

Most of this is ruff's: pyproject.toml selects its rules S and names what they don't know. Here is the rest.
"""

from __future__ import annotations

import ast
import importlib
import json
import pkgutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import dfdlib
from dfdlib.core import paths
from dfdlib.core.studies import Study
from dfdlib.data import sources

RUFF = (
    "import dill",
    "import cloudpickle",
    "from joblib import load",
    "import joblib\njoblib.load(path)",
    "import joblib\njoblib.dump(a, b)",
    "import pickle\npickle.loads(a)",
    "import pickle\npickle.dumps(a)",
    "import marshal\nmarshal.loads(a)",
    "import shelve\nshelve.open(a)",
    "import pandas as pd\npd.read_pickle(path)",
    "eval(text)",
    "exec(text)",
    "import os\nos.system('ls')",
    "from os import popen\npopen('ls')",
    "import subprocess\nsubprocess.run('ls', shell=True)",
    "import subprocess\nsubprocess.getoutput('ls')",
    "import yaml\nyaml.load(text)",
    "import yaml\nyaml.load(text, Loader=yaml.Loader)",
    "import yaml\nyaml.unsafe_load(text)",
    "import yaml\nyaml.full_load(text)",
    "import tarfile\ntarfile.open(path).extractall(folder)",
    "import tempfile\ntempfile.mktemp()",
)
OURS = (
    "compile(text, '', 'exec')",
    "__import__(name)",
    "subprocess.run('ls', shell=yes)",
    "np.load(path, allow_pickle=True)",
    "np.load(path, None, True)",
    "torch.load(path)",
    "torch.load(path, weights_only=False)",
    "table.to_pickle(path)",
)
GOOD = (
    "re.compile(text)",
    "model.eval()",
    "np.load(path)",
    "np.load(path, allow_pickle=False)",
    "yaml.safe_load(text)",
    "torch.load(path, weights_only=True)",
    "subprocess.run(['ls'], shell=False)",
)
# (file, what is called): a test of a refusal must make what is refused, one runs cells of the committed solutions, and
# `dfd grade` runs students' answers, in processes that are shut in.
EXCUSED = {
    ("tests/test_cache.py", "np.save"),
    ("tests/test_exercises.py", "compile"),
    ("dfdlib/command/checking.py", "compile"),
    ("tools/site/tape.py", "compile"),
    ("tools/site/here/here.py", "compile"),
}


def unsafe(code: str) -> list[str]:
    """What a source calls that may run code and that ruff does not see."""
    calls = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    return [ast.unparse(call.func) for call in calls if _is_unsafe(call)]


def _is_unsafe(call: ast.Call) -> bool:
    name, options = ast.unparse(call.func), {word.arg: ast.unparse(word.value) for word in call.keywords}
    return (
        name in ("compile", "__import__")
        or name.endswith(".to_pickle")
        or any(options.get(option, "False") != "False" for option in ("shell", "allow_pickle"))
        or (name in ("np.load", "numpy.load") and len(call.args) > 2)
        or (name == "torch.load" and options.get("weights_only") != "True")
    )


def _sources() -> Iterator[tuple[str, str]]:
    """Every Python file and every notebook's code, by its path below the repository."""
    for folder in ("dfdlib", "tools", "tests", "benchmarks"):
        for path in sorted((paths.root() / folder).rglob("*.py")):
            yield str(path.relative_to(paths.root())), path.read_text()
    for path in sorted(paths.notebooks().rglob("*.ipynb")):
        cells = [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]
        lines = "\n".join("".join(cell["source"]) for cell in cells).splitlines()
        assert not any(line.startswith("!") for line in lines), f"{path} passes text to a shell"
        yield str(path.relative_to(paths.root())), "\n".join(line for line in lines if not line.startswith("%"))


def test_no_source_runs_code_out_of_files_or_text() -> None:
    found = {(name, call) for name, code in _sources() for call in unsafe(code)}
    assert found == EXCUSED, "each of them, and what is excused is still there"


def test_what_is_forbidden_is_found(tmp_path: Path) -> None:
    for number, code in enumerate((*RUFF, *GOOD)):
        (tmp_path / f"{number}.py").write_text(code)
    ruff = [sys.executable, "-m", "ruff", "check", "--no-cache", "--select", "S,TID251", "--output-format", "json"]
    done = subprocess.run([*ruff, "--config", paths.root() / "pyproject.toml", tmp_path], capture_output=True)
    found = {int(Path(row["filename"]).stem) for row in json.loads(done.stdout)}
    assert found == set(range(len(RUFF)))
    assert all(unsafe(code) for code in OURS) and not any(unsafe(code) for code in GOOD)


def test_importing_and_reading_open_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*args: object, **kwargs: object) -> None:
        raise AssertionError(f"a connection was opened to {args[1:]}")

    for method in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, method, refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    names = [m.name for m in pkgutil.walk_packages(dfdlib.__path__, "dfdlib.") if not m.name.endswith("__main__")]
    assert len([importlib.import_module(name) for name in names]) == len(names) > 40
    assert {clip.label for clip in sources.clips(Study("embedded"))} == {0, 1}


def test_no_file_of_the_repository_can_be_written_by_all() -> None:
    folders = [paths.root() / name for name in ("dfdlib", "tools", "tests", "studies")]
    files = [
        path for folder in folders for path in folder.rglob("*") if path.is_file() and "__pycache__" not in str(path)
    ]
    assert [path for path in files if _writable_by_all(path)] == []


def _writable_by_all(path: Path) -> bool:
    return bool(path.stat().st_mode & 0o002)
