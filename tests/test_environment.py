"""pyproject.toml, the lock and environment.yml are doors to the same versions."""

from __future__ import annotations

import re
import sys
import tomllib
from importlib.metadata import version

import pytest
import yaml
from packaging.requirements import Requirement

from dfdlib.core import paths

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
