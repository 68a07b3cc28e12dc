"""Shared by all tests, the notebooks that nbval collects included."""

from __future__ import annotations

import matplotlib
import pytest

matplotlib.use("agg")  # here and not in MPLBACKEND, which kernels would inherit: then they show no figure


def pytest_collectstart(collector: pytest.Collector) -> None:
    """nbval: warnings of libraries are not results, so what a cell writes to stderr is not compared."""
    if hasattr(collector, "skip_compare"):
        collector.skip_compare += ("stderr",)
