"""Nothing in the repository runs code out of a file, passes text to a shell, or opens a connection on its own."""

from __future__ import annotations

import ast
import importlib
import json
import pkgutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

import dfdlib
from dfdlib.core import paths
from dfdlib.data import sources

# Their files can run code when they are read.
CODE_IN_FILES = {"pickle", "cPickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle"}
# What is called, and the reason why it may not be.
CALLS = {
    "eval": "runs text",
    "exec": "runs text",
    "compile": "runs text",
    "__import__": "imports what text names",
    "os.system": "passes text to a shell",
    "os.popen": "passes text to a shell",
    "subprocess.getoutput": "passes text to a shell",
    "subprocess.getstatusoutput": "passes text to a shell",
    "joblib.load": "unpickles",
    "joblib.dump": "pickles",
    "pd.read_pickle": "unpickles",
    "pandas.read_pickle": "unpickles",
    "yaml.unsafe_load": "runs tags",
    "yaml.full_load": "runs tags",
    "tempfile.mktemp": "gives a name that another process may take first",
}
METHODS = {"extractall": "unpacks climbing names", "to_pickle": "pickles", "read_pickle": "unpickles"}
# (file, finding): the reason why it is allowed.
ALLOWED = {
    # It names pickle's exception: torch.load with weights_only raises it where it refuses a file.
    ("dfdlib/core/weight_files.py", "imports pickle"),
    # It runs cells of the committed solutions with wrong answers in them, in the test's own process, to be quick.
    ("tests/test_exercises.py", "exec runs text"),
    ("tests/test_exercises.py", "compile runs text"),
}
# A test of a refusal must make what is refused.
MAKES_PICKLES_TO_REFUSE = {"tests/test_cache.py": {"allow_pickle is not False"}}


def _sources() -> Iterator[tuple[str, str]]:
    """Every Python file and every notebook's code, by its path below the repository."""
    for folder in ("dfdlib", "tools", "tests", "benchmarks"):
        for path in sorted((paths.root() / folder).rglob("*.py")):
            yield str(path.relative_to(paths.root())), path.read_text()
    for path in sorted(paths.notebooks().glob("*.ipynb")):
        cells = [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]
        lines = "\n".join("".join(cell["source"]) for cell in cells).splitlines()
        code = "\n".join("pass" if line.startswith(("%", "!")) else line for line in lines)
        assert not any(line.startswith("!") for line in lines), f"{path} passes text to a shell"
        yield str(path.relative_to(paths.root())), code


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    return f"{_dotted(node.value)}.{node.attr}" if isinstance(node, ast.Attribute) else "?"


def _is(keywords: dict[str, ast.expr], name: str, value: object) -> bool:
    return name in keywords and isinstance(keywords[name], ast.Constant) and keywords[name].value is value


def _of_call(call: ast.Call) -> Iterator[str]:
    name, keywords = _dotted(call.func), {word.arg: word.value for word in call.keywords if word.arg}
    last = name.rpartition(".")[2]
    if name in CALLS:
        yield f"{name} {CALLS[name]}"
    if "." in name and last in METHODS:
        yield f".{last} {METHODS[last]}"
    if "shell" in keywords and not _is(keywords, "shell", False):
        yield "shell is not False"
    if "allow_pickle" in keywords and not _is(keywords, "allow_pickle", False):
        yield "allow_pickle is not False"
    if name in ("np.load", "numpy.load") and len(call.args) > 2:
        yield "np.load with options by place"
    if name == "torch.load" and not _is(keywords, "weights_only", True):
        yield "torch.load without weights_only=True"
    if name == "yaml.load" and _dotted(keywords.get("Loader", ast.Name("?"))) not in (
        "yaml.SafeLoader",
        "yaml.CSafeLoader",
    ):
        yield "yaml.load without a safe loader"


def findings(code: str) -> list[str]:
    """What a source does that it should not, by its syntax tree."""
    found = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = [node.module or ""]
            found += [f"{node.module}.{a.name} imported" for a in node.names if f"{node.module}.{a.name}" in CALLS]
        else:
            modules = []
        found += [f"imports {name}" for name in modules if name.partition(".")[0] in CODE_IN_FILES]
        if isinstance(node, ast.Call):
            found += _of_call(node)
    return found


SOURCES = dict(_sources())


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_runs_no_code_out_of_files_or_text(name: str) -> None:
    excused = MAKES_PICKLES_TO_REFUSE.get(name, set())
    assert [f for f in findings(SOURCES[name]) if (name, f) not in ALLOWED and f not in excused] == []


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "from marshal import loads",
        "import dill as d",
        "from joblib import load",
        "import joblib\njoblib.load(path)",
        "joblib.dump(a, b)",
        "eval(text)",
        "exec(text)",
        "compile(text, '', 'exec')",
        "os.system('ls')",
        "from os import popen",
        "subprocess.run('ls', shell=True)",
        "subprocess.run('ls', shell=yes)",
        "yaml.load(text)",
        "yaml.load(text, Loader=yaml.Loader)",
        "np.load(path, allow_pickle=True)",
        "np.load(path, None, True)",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "tarfile.open(path).extractall(folder)",
        "pd.read_pickle(path)",
    ],
)
def test_what_is_forbidden_is_found(code: str) -> None:
    assert findings(code)


@pytest.mark.parametrize(
    "code",
    [
        "re.compile(text)",
        "model.eval()",
        "np.load(path)",
        "np.load(path, allow_pickle=False)",
        "yaml.safe_load(text)",
        "yaml.load(text, Loader=yaml.SafeLoader)",
        "torch.load(path, weights_only=True)",
        "subprocess.run(['ls'], shell=False)",
        "json.load(file)",
    ],
)
def test_what_is_allowed_is_not_found(code: str) -> None:
    assert findings(code) == []


def test_what_is_excused_is_still_there() -> None:
    assert all(finding in findings(SOURCES[name]) for name, finding in ALLOWED)


def test_importing_and_reading_open_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*args: object, **kwargs: object) -> None:
        raise AssertionError(f"a connection was opened to {args[1:]}")

    for method in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, method, refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    names = [m.name for m in pkgutil.walk_packages(dfdlib.__path__, "dfdlib.") if not m.name.endswith("__main__")]
    assert len([importlib.import_module(name) for name in names]) == len(names) > 40
    assert {clip.label for clip in sources.embedded()} == {0, 1}


def test_no_file_of_the_repository_can_be_written_by_all() -> None:
    folders = [paths.root() / name for name in ("dfdlib", "tools", "tests", "studies")]
    files = [
        path for folder in folders for path in folder.rglob("*") if path.is_file() and "__pycache__" not in str(path)
    ]
    assert [path for path in files if _writable_by_all(path)] == []


def _writable_by_all(path: Path) -> bool:
    return bool(path.stat().st_mode & 0o002)
