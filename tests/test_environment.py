"""pyproject.toml, the lock and environment.yml are doors to the same versions."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml
from packaging.requirements import Requirement

from dfdlib.core import paths, repro
from tools import library_map

PROJECT = tomllib.loads((paths.root() / "pyproject.toml").read_text())["project"]
DECLARED = [Requirement(r) for r in PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"]]
LOCK = dict(
    line.split("==")
    for line in (paths.root() / "requirements.txt").read_text().splitlines()
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


def test_conda_installs_the_lock_and_the_same_python() -> None:
    lines = yaml.safe_load((paths.root() / "environment.yml").read_text())["dependencies"]
    pip = next(line["pip"] for line in lines if isinstance(line, dict))
    assert pip == ["-r requirements.txt", "-e ."]
    python = next(line for line in lines if isinstance(line, str) and line.startswith("python="))
    assert python.removeprefix("python=") == f"{sys.version_info.major}.{sys.version_info.minor}"
    assert sys.version.split()[0] in Requirement(f"x{PROJECT['requires-python']}").specifier


def test_every_conda_line_says_what_it_is_for() -> None:
    text = (paths.root() / "environment.yml").read_text()
    listed = [line for line in text.splitlines() if re.match(r"\s+- (?!conda-forge|pip:)", line)]
    assert len(listed) == 4
    assert all("#" in line for line in listed)


TOOLS = [
    path
    for folder in ("tools", "benchmarks")
    for path in sorted((paths.root() / folder).rglob("*.py"))
    if "from dfdlib" in path.read_text() and "import atheris" not in path.read_text()  # which the study does without
]


@pytest.mark.parametrize("script", TOOLS, ids=lambda path: path.stem)
def test_a_tool_works_on_the_checkout_that_it_lies_in(script: Path, tmp_path: Path) -> None:
    """Whatever checkout is installed: the tool is copied beside another dfdlib and imported there."""
    for folder in ("dfdlib", script.relative_to(paths.root()).parts[0]):
        shutil.copytree(
            paths.root() / folder, tmp_path / folder, ignore=shutil.ignore_patterns("*.safetensors", "render")
        )
    shutil.copytree(paths.notebooks() / "solutions", tmp_path / "notebooks" / "solutions")
    code = "import runpy, sys; runpy.run_path(sys.argv[1], run_name='imported'); import dfdlib; print(dfdlib.__file__)"
    copied = tmp_path / script.relative_to(paths.root())
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(copied.parent)!r}); {code}", str(copied)]
    done = subprocess.run(command, cwd=tmp_path / "notebooks", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert Path(done.stdout.strip()).is_relative_to(tmp_path)


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
