"""The site, built once for all tests that look at it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import filelock
import pytest

from dfdlib.core import paths

sys.path.insert(0, str(paths.root() / "tools" / "site"))

import build  # noqa: E402


def site(factory: pytest.TempPathFactory) -> Path:
    """The folder of a new site; the same one for all tests of a run, also of another of xdist's processes."""
    own = factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "site"
    with filelock.FileLock(folder.with_suffix(".lock")):
        if not folder.is_dir():
            build.write(folder)
    return folder


def addresses(folder: Path) -> list[str]:
    """Every page, as its address below the site's root."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.html"))
