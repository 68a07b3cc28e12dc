"""Shared by all tests, the notebooks that nbval collects included."""

from __future__ import annotations

import os

import pytest

os.environ.setdefault("MPLBACKEND", "agg")


def pytest_collectstart(collector: pytest.Collector) -> None:
    """nbval: warnings of libraries are not results, so what a cell writes to stderr is not compared."""
    if hasattr(collector, "skip_compare"):
        collector.skip_compare += ("stderr",)
