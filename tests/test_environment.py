"""The doors to the same versions (lock, conda, container), other systems, and machines on which something is wrong."""

from __future__ import annotations

import ast
import errno
import itertools
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from importlib.metadata import metadata, version
from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml
from packaging.requirements import Requirement
from rich.console import Console

from dfdlib.command import progress, recipes, run, unchanged
from dfdlib.core import cache, disk, errors, paths, repro, studies, values
from dfdlib.core.errors import DfdError
from dfdlib.plots import canvas
from tools import library_map

PROJECT = tomllib.loads((paths.root() / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DECLARED = [Requirement(r) for r in PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"]]
LOCK = dict(
    line.split("==")
    for line in (paths.root() / "requirements.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
)


def _name(text: str) -> str:
    return re.sub(r"[-_.]+", "-", text).lower()


@pytest.mark.parametrize("requirement", DECLARED, ids=lambda r: r.name)
def test_the_lock_satisfies_pyproject(requirement: Requirement) -> None:
    assert LOCK[_name(requirement.name)] in requirement.specifier


@pytest.mark.parametrize("requirement", DECLARED, ids=lambda r: r.name)
def test_the_lock_is_what_is_installed(requirement: Requirement) -> None:
    assert version(requirement.name).split("+")[0] == LOCK[_name(requirement.name)]


def test_the_lock_pulls_no_gpu_packages() -> None:
    assert not [name for name in LOCK if re.match("nvidia|triton|cuda", name)]


CONDA = paths.root() / "environment.yml"
NAMED = (
    "jupyterlab papermill torch torchvision opencv-python-headless scikit-learn scikit-image matplotlib nbval".split()
)


def _conda(text: str) -> tuple[list[str], list[str]]:
    """What conda installs, and what pip does after it."""
    lines = yaml.safe_load(text)["dependencies"]
    (pip,) = (line["pip"] for line in lines if isinstance(line, dict))
    return [line for line in lines if isinstance(line, str)], pip


def test_conda_names_the_packages_in_the_locks_versions() -> None:
    """Where this fails after a change of the lock: `make conda`."""
    conda, pip = _conda(CONDA.read_text(encoding="utf-8"))
    assert pip[0] == "./tools/conda" and pip[-2:] == ["-r requirements.txt", "-e ."]
    assert pip[1:-2] == [f"{name}=={LOCK[name]}" for name in NAMED]
    dlib = re.sub(r"\.post\d+$", "", LOCK["dlib-bin"])
    assert conda == [f"python={sys.version_info.major}.{sys.version_info.minor}", f"dlib={dlib}", "pip"]


def test_pip_leaves_condas_dlib_alone() -> None:
    """The lock and dfdlib need dlib-bin, which would overwrite conda's dlib; an empty package meets both."""
    stand_in = tomllib.loads((paths.root() / "tools/conda/pyproject.toml").read_text(encoding="utf-8"))
    assert stand_in["project"]["name"] == "dlib-bin" and stand_in["project"]["version"] == LOCK["dlib-bin"]
    assert stand_in["tool"]["setuptools"] == {"py-modules": []}
    assert repro.LIBRARIES["dlib"] == ("dlib", "dlib-bin")  # the record names conda's


def test_every_conda_line_says_what_it_is_for() -> None:
    text = CONDA.read_text(encoding="utf-8")
    listed = [line for line in text.splitlines() if re.match(r"\s+- (?!conda-forge|pip:)", line)]
    reasons = [line.partition(" # ")[2] for line in listed]
    assert len(listed) == len(NAMED) + 6 and all(reasons) and len(set(reasons)) == len(listed)


def test_make_conda_brings_the_locks_versions(tmp_path: Path) -> None:
    for name in (
        "Makefile",
        "environment.yml",
        ".binder/environment.yml",
        "requirements.txt",
        "tools/conda/pyproject.toml",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(paths.root() / name, tmp_path / name)
    lock = tmp_path / "requirements.txt"
    other = re.sub("^(torch|nbval|dlib-bin)==.*", r"\1==99.1.post7", lock.read_text(encoding="utf-8"), flags=re.M)
    lock.write_text(other, encoding="utf-8")
    subprocess.run(["make", "conda"], cwd=tmp_path, check=True)
    conda, pip = _conda((tmp_path / "environment.yml").read_text(encoding="utf-8"))
    assert "dlib=99.1" in conda and {"torch==99.1.post7", "nbval==99.1.post7"} < set(pip)
    assert 'version = "99.1.post7"' in (tmp_path / "tools/conda/pyproject.toml").read_text(encoding="utf-8")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *(".binder", "Makefile", "environment.yml", "requirements.txt", "tools"),
    ]
    assert "dlib=99.1" in yaml.safe_load((tmp_path / ".binder/environment.yml").read_text())["dependencies"]


def test_the_lock_installs_on_every_python_3_11_and_on_no_other() -> None:
    """Debian 12 has 3.11.2, which a package of the lock may refuse."""
    asked = {name: metadata(name).get("Requires-Python") for name in LOCK}
    assert [
        name for name, wanted in asked.items() if wanted and "3.11.0" not in Requirement(f"x{wanted}").specifier
    ] == []
    ours = Requirement(f"x{PROJECT['requires-python']}").specifier
    assert [version for version in ("3.10.13", "3.11.0", "3.11.14", "3.12.0", "3.13.0") if version in ours] == [
        *("3.11.0", "3.11.14"),
    ]


@pytest.mark.parametrize("minor", [10, 13])
def test_another_python_is_a_sentence(minor: int, tmp_path: Path) -> None:
    """Stands for it: a Python that says so of itself; for make one that fails the question."""
    started = "runpy.run_module('dfdlib', run_name='__main__')"
    code = f"import runpy, sys; sys.version_info = (3, {minor}, 0, 'final', 0); {started}"
    done = subprocess.run([sys.executable, "-c", code], cwd=paths.root(), capture_output=True, text=True)
    said = f"dfd: This is Python 3.{minor}, but the lock is for 3.11; run it with python3.11.\n"
    assert (done.returncode, done.stderr) == (2, said)
    python = tmp_path / f"python3.{minor}"
    python.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    python.chmod(0o755)
    command = ["make", "--no-print-directory", f"PYTHON={python}", f"VENV={tmp_path / 'venv'}", "install"]
    done = subprocess.run(command, cwd=paths.root(), capture_output=True, text=True)
    assert done.returncode == 2 and done.stdout.startswith(f"{python} is not Python 3.11; install it")


DOCKERFILE = paths.root() / "Dockerfile"


def test_the_container_runs_the_locked_study_as_a_user() -> None:
    text = re.sub(r"\\\n", " ", DOCKERFILE.read_text(encoding="utf-8"))
    steps = [tuple(line.split(maxsplit=1)) for line in text.splitlines() if line and not line.startswith("#")]
    kinds = [kind for kind, _ in steps]
    assert steps[0] == ("FROM", f"python:{sys.version_info.major}.{sys.version_info.minor}-slim")
    assert steps[-1] == ("CMD", '["make", "study"]') and ("USER", "1000") in steps
    lock, rest = (steps.index(("COPY", f"--chown=reader {what}")) for what in ("requirements.txt ./", ". ."))
    installs = next(
        i for i, (kind, words) in enumerate(steps) if kind == "RUN" and "--requirement requirements.txt" in words
    )
    assert kinds.index("USER") < lock < installs < rest < steps.index(("RUN", "make install"))
    for kind, words in steps:
        assert kind != "RUN" or subprocess.run(["sh", "-n", "-c", words]).returncode == 0
    ignored = (paths.root() / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert {".venv", "build", "data/*", "!data/embedded"} < set(ignored)


@pytest.mark.skipif(not shutil.which("hadolint"), reason="hadolint is not installed")
def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    subprocess.run(["hadolint", DOCKERFILE], check=True)


def test_the_dev_container_is_that_container() -> None:
    folder = paths.root() / ".devcontainer"
    found = json.loads((folder / "devcontainer.json").read_text(encoding="utf-8"))
    assert (folder / found["build"]["dockerfile"]).resolve() == DOCKERFILE
    assert (folder / found["build"]["context"]).resolve() == paths.root()
    assert found["remoteUser"] == "reader" and found["postCreateCommand"] == "make --always-make install"
    python = found["customizations"]["vscode"]["settings"]["python.defaultInterpreterPath"]
    assert f"ENV VENV={Path(python).parents[1]}\n" in DOCKERFILE.read_text(encoding="utf-8")


def _calls(name: str) -> Iterator[tuple[str, ast.Call]]:
    for path in (*(paths.root() / "dfdlib").rglob("*.py"), *(paths.root() / "tools").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == name:
                yield f"{path.name}:{node.lineno}", node


@pytest.mark.parametrize(("name", "before"), [("read_text", 0), ("write_text", 1)])
def test_text_is_utf_8_on_every_system(name: str, before: int) -> None:
    """`before`: the arguments before the encoding. Windows takes another where none is given."""
    calls = list(_calls(name))
    missing = [
        place for place, call in calls if len(call.args) <= before and "encoding" not in {k.arg for k in call.keywords}
    ]
    assert calls and missing == []


def test_no_module_asks_for_what_windows_lacks() -> None:
    lacking = re.compile(r"^\s*(?:import|from) (?:fcntl|resource|pwd|grp|termios)\b", re.MULTILINE)
    found = [p.name for p in (paths.root() / "dfdlib").rglob("*.py") if lacking.search(p.read_text(encoding="utf-8"))]
    assert found == ["confinement.py"]  # of forked processes, which Windows lacks too: `dfd grade` says so


def test_on_windows_no_process_gets_a_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    """`os.kill(pid, 0)`, which elsewhere only asks whether a process lives, is Ctrl+C there."""
    monkeypatch.setattr(disk.sys, "platform", "win32")
    monkeypatch.setattr(disk.os, "kill", lambda *_: pytest.fail("a signal was sent"))
    assert disk._alive(1)


def test_without_links_a_file_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_text("a", encoding="utf-8")
    disk.copy(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "a").stat().st_nlink == 2

    def no_links(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(disk.os, "link", no_links)
    disk.copy(tmp_path / "a", tmp_path / "c")
    assert (tmp_path / "a").stat().st_nlink == 2 and (tmp_path / "c").read_text(encoding="utf-8") == "a"


def test_without_git_a_run_has_a_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert repro._commit() == "unknown"


def test_an_unwritable_build_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    """A file in the folder's place: as root every folder is writable."""
    (tmp_path / "build").write_text("", encoding="utf-8")
    monkeypatch.setattr(paths, "build", lambda: tmp_path / "build")
    monkeypatch.setattr(run.check, "check", lambda *_, **__: None)
    with pytest.raises(SystemExit) as stopped:
        errors.or_sentence(lambda: run.run_study("embedded", Console()), "dfd: ")
    said = capsys.readouterr().err
    assert stopped.value.code == 2 and said.count("\n") == 1
    assert re.match(r"dfd: .*build/embedded can't be opened or written \(Not a directory\); free space there", said)


@pytest.mark.parametrize("variable", ["DFD_CACHE", "DFD_RUNS", "DFD_RESULTS", "DFD_FIGURES"])
@pytest.mark.parametrize("start", ["run", "train"])
def test_a_folder_that_can_not_be_written_is_told_before_anything_is_computed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, start: str
) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setattr(paths, "build", lambda: tmp_path / "build")
    monkeypatch.setenv(variable, str(tmp_path / "file" / "below"))
    monkeypatch.setattr(run, "_all", lambda *_: pytest.fail("it started"))
    monkeypatch.setattr(recipes.frames, "of_study", lambda *_: pytest.fail("it started"))
    said = rf"file/below can't be written \(a file is in the place of a folder\); set {variable} to a folder elsewhere"
    with pytest.raises(DfdError, match=said):
        run.run_study("smoke", Console()) if start == "run" else list(recipes.train_by_name("smoke", "paper"))


def test_a_full_disk_is_told_before_anything_is_computed(tmp_path: Path) -> None:
    """A limit on the size of files stands for a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (disk.PROBE // 2, hard))
    try:
        with pytest.raises(DfdError, match=r"cache can't be written .*; free space there, or set DFD_CACHE to"):
            disk.check_writable(tmp_path / "cache", "set DFD_CACHE to a folder elsewhere")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    disk.check_writable(tmp_path / "cache", "")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_run_after_which_nothing_changed_is_not_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Changed are: a setting, a number that the run wrote, and whatever `--again` asks for."""
    started: list[str] = []

    def whole(study: studies.Study, *_: object) -> None:
        started.append(study.name)
        with disk.replacing(paths.results(study.name) / "smoke.json") as partial:
            partial.write_text("{}", encoding="utf-8")

    monkeypatch.setattr(paths, "build", lambda: tmp_path / "build")
    monkeypatch.setattr(run, "_all", whole)
    for times, change in enumerate(
        (
            lambda: None,
            lambda: (paths.results("smoke") / "smoke.json").write_text("{ }", encoding="utf-8"),
            lambda: monkeypatch.setenv("DFD_WORLD_MODEL", str(paths.assets() / "world_model.csv")),
        ),
        start=1,
    ):
        change()
        run.run_study("smoke", Console())
        run.run_study("smoke", Console())
        assert started == ["smoke"] * times
    run.run_study("smoke", Console(), again=True)
    assert len(started) == times + 1


def test_a_file_changed_during_a_run_is_read_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world, started = tmp_path / "world.csv", []
    world.write_text("first", encoding="utf-8")
    monkeypatch.setattr(unchanged, "_inputs", lambda: [world])
    monkeypatch.setattr(paths, "build", lambda: tmp_path / "build")

    def whole(study: studies.Study, *_: object) -> None:
        started.append(world.read_text(encoding="utf-8"))
        world.write_text("edited while the notebooks ran", encoding="utf-8")

    monkeypatch.setattr(run, "_all", whole)
    for _ in range(2):
        run.run_study("smoke", Console())
    assert started == ["first", "edited while the notebooks ran"]


def test_a_disk_that_is_full_ends_in_a_sentence_and_a_defect_does_not(capsys) -> None:
    def full() -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "x.ipynb")

    with pytest.raises(SystemExit) as stopped:
        errors.or_sentence(full, "dfd: ")
    assert stopped.value.code == 2
    assert capsys.readouterr().err.startswith("dfd: x.ipynb can't be opened or written (No space left on device); free")
    with pytest.raises(FileNotFoundError):
        errors.or_sentence(lambda: Path("/no/such/file").open())


def test_a_full_disk_under_a_notebook_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(run.papermill, "execute_notebook", full)
    source = paths.notebooks() / "00_start_here.ipynb"
    with pytest.raises(OSError) as raised:
        run._execute(source, tmp_path / "00.ipynb", {}, print)
    assert raised.value.filename == str(tmp_path / "00.ipynb")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_a_log_on_a_full_disk_says_nothing_itself(tmp_path: Path, capsys) -> None:
    (tmp_path / "run.log").symlink_to("/dev/full")
    with progress.logged(tmp_path / "run.log"):
        progress.LOG.info("a line")
    assert capsys.readouterr() == ("", "")


def test_a_figure_that_can_not_be_written_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("DFD_FIGURES", str(tmp_path / "file"))
    fig, _ = canvas.grid(1, 1, 2, 2)
    with pytest.raises(DfdError, match=r"file/x\.png can't be written .*; set DFD_FIGURES to a folder elsewhere"):
        canvas.save_figure(fig, studies.load("embedded"), "x", pd.DataFrame({"a": [1]}))


@cache.stage
def doubled(number: int) -> int:
    """A stage for the test below."""
    return 2 * number


def test_a_value_in_another_versions_format_is_set_aside_and_computed_again(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("DFD_CACHE", str(tmp_path))
    assert doubled(4) == 8
    (path,) = (paths.cache() / "doubled").glob("*.npz")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(values.TREE, '{"is": "frozen", "of": [8]}')
    with pytest.warns(UserWarning, match="is damaged or in another version's format .* kept as .* and computed again"):
        assert doubled(4) == 8
    assert doubled(4) == 8 and path.with_name(f"{path.name}.damaged").is_file()


@pytest.mark.parametrize(
    ("name", "given", "known"),
    [
        ("ATEN_CPU_CAPABILITY", "AVX2", "default, avx2, avx512"),
        ("ATEN_CPU_CAPABILITY", "sse", "default, avx2, avx512"),
        ("ONEDNN_MAX_CPU_ISA", "AVX3", "SSE41, AVX, AVX2,.* DEFAULT, ALL"),
    ],
)
def test_instructions_that_do_not_exist_are_a_sentence(
    name: str, given: str, known: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PyTorch and oneDNN would pass over them, and use what is meant to be ruled out."""
    monkeypatch.setenv(name, given)
    with pytest.raises(
        DfdError, match=f"{name} is '{given}', which means nothing; unset it, or set it to one of {known}"
    ):
        repro.limit(1)
    monkeypatch.setenv(name, {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "avx2"}[name])
    repro.check_instructions()


def test_instructions_that_the_processor_lacks_are_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyTorch would obey, and the system end it."""
    monkeypatch.setattr("cv2.checkHardwareSupport", lambda number: number == repro.NUMBERS["avx2"])
    monkeypatch.setenv("ATEN_CPU_CAPABILITY", "avx512")
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "ALL")
    with pytest.raises(DfdError, match=r"ATEN_CPU_CAPABILITY is avx512, which this processor lacks \(.+\); unset it"):
        repro.check_instructions()


TOOLS = [
    path
    for folder in ("tools", "benchmarks")
    for path in sorted((paths.root() / folder).rglob("*.py"))
    if "from dfdlib" in path.read_text() and "__main__" in path.read_text()  # the others are parts of these
    if "import atheris" not in path.read_text()  # which the study does without
]


# Each tool in a child of one process that has imported what takes seconds, and nothing of dfdlib.
IN_CHILDREN = """
import os, runpy, sys, traceback
import cv2, dlib, matplotlib.pyplot, nbformat, papermill, scipy.stats, skimage.transform, sklearn.svm, torch
for path in sys.argv[1:]:
    if not os.fork():
        try:
            sys.path.insert(0, os.path.dirname(path))
            runpy.run_path(path, run_name="imported")
            import dfdlib
            print(path, dfdlib.__file__, sep="\\t", flush=True)
        except BaseException:
            traceback.print_exc()
        os._exit(0)  # without what Python does at its end, which takes longer than all of this
    os.wait()
"""


def test_every_tool_works_on_the_checkout_that_it_lies_in(tmp_path: Path) -> None:
    """Whatever checkout is installed: the tools are copied beside another dfdlib and imported there."""
    for folder in ("dfdlib", "tools", "benchmarks", "notebooks/solutions"):
        ignored = shutil.ignore_patterns("*.safetensors", "__pycache__")
        shutil.copytree(paths.root() / folder, tmp_path / folder, ignore=ignored)
    copied = [str(tmp_path / script.relative_to(paths.root())) for script in TOOLS]
    command = [sys.executable, "-c", IN_CHILDREN, *copied]
    done = subprocess.run(command, cwd=tmp_path / "notebooks", capture_output=True, text=True)
    taken = dict(line.split("\t") for line in done.stdout.splitlines())
    assert list(taken) == copied and len(copied) >= 20, done.stderr[-2000:]
    assert set(taken.values()) == {str(tmp_path / "dfdlib" / "__init__.py")}


def test_the_map_of_the_library_is_that_of_the_code() -> None:
    drawn = pd.read_csv(paths.root() / "figures" / "library_map.csv")
    pd.testing.assert_frame_equal(drawn, library_map.imports(), check_dtype=False)
    floor = {name: number for number, names in enumerate(library_map.FLOORS) for name in names}
    assert all(floor[row.importer] < floor[row.imported] for row in drawn.itertuples())


@pytest.mark.skipif(not torch.cpu._is_avx2_supported(), reason="this processor has no AVX2")
@pytest.mark.parametrize(("wanted", "found"), [({}, "AVX2"), ({"ATEN_CPU_CAPABILITY": "default"}, "DEFAULT")])
def test_a_run_computes_with_instructions_that_other_machines_have(wanted: dict[str, str], found: str) -> None:
    """Also where PyTorch was imported before; what the user sets stays."""
    code = (
        "import torch; from dfdlib.core import repro; repro.start(0, 1); print(repro.has_bfloat16(), repro.machine())"
    )
    environment = {name: value for name, value in os.environ.items() if name not in repro.SHARED} | wanted
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("False ") and f" {found}, " in done.stdout


def test_what_notebooks_import_first_leaves_the_slow_packages_to_the_cells_that_need_them() -> None:
    """In a cached run the imports of eight kernels would take longer than everything else."""
    cells = [json.loads(path.read_text())["cells"] for path in sorted(paths.notebooks().glob("*.ipynb"))]
    sources = ["".join(cell["source"]) for cell in itertools.chain(*cells) if cell["cell_type"] == "code"]
    lines = [line for source in sources for line in source.splitlines() if line.startswith(("import ", "from "))]
    code = "; ".join([*dict.fromkeys(lines), "import sys", "print(*sys.modules)"])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=paths.root())
    slow = {"torchvision", "timm", "accelerate", "sklearn", "skimage", "scipy.stats", "papermill"}
    assert len(cells) == 8 and "matplotlib" in done.stdout and not slow & set(done.stdout.split())
