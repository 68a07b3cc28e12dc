"""The notebooks run again from nothing: by the same instructions to the same outputs, by others to equal verdicts."""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path

import nbformat
import pytest

from benchmarks import processors
from dfdlib.core import paths
from tests.notebook_runs import dfd, in_order, nbval, without_kernels

pytestmark = pytest.mark.notebooks
OTHER = {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "AVX2"}  # every x86 processor with AVX2 has both


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The smoke study run by papermill, with an empty cache."""
    folder = tmp_path_factory.mktemp("first")
    done = dfd(folder, "run", "smoke", fresh=True)
    assert done.returncode == 0, done.stderr
    return folder


def test_a_second_run_from_nothing_gives_the_same(first: Path, tmp_path: Path) -> None:
    """Strict nbval runs the executed notebooks again with another empty cache and compares every cell."""
    executed = paths.build() / "smoke" / "notebooks"
    summary = nbval(tmp_path, "--nbval", *in_order(executed), fresh=True)
    assert int(re.search(r"(\d+) passed", summary)[1]) >= 60, summary


def test_other_instructions_give_the_same_verdicts(first: Path, tmp_path: Path) -> None:
    """The short form of benchmarks/processors.py."""
    done = without_kernels(tmp_path, "smoke", *processors.NOTEBOOKS, more=OTHER)
    assert done.returncode == 0, done.stderr
    found = {
        case: json.loads((folder / "results" / "smoke.json").read_text())["rows"]
        for case, folder in {processors.SHARED: first, (*OTHER.values(), 1): tmp_path}.items()
    }
    assert processors.table(found)["others"].tolist() == ["", ""]


@pytest.mark.parametrize(
    ("said", "tags", "other", "passes"),
    [
        ("accuracy 0.87, a gain", ["trained"], "1", True),
        ("accuracy 0.87, a gain", ["trained"], "", False),
        ("accuracy 0.87, a gain", [], "1", False),
        ("accuracy 0.93, a loss", ["trained"], "1", False),
    ],
)
def test_on_another_processor_nbval_compares_the_words(said, tags, other, passes, tmp_path: Path, monkeypatch) -> None:
    outputs = [nbformat.v4.new_output("stream", text="accuracy 0.93, a gain\n")]
    metadata = {"tags": ["nbval-check-output", *tags]}
    cell = nbformat.v4.new_code_cell(f"print({said!r})", outputs=outputs, metadata=metadata, execution_count=1)
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "a.ipynb")
    monkeypatch.setenv("DFD_OTHER_PROCESSOR", other)
    if passes:
        assert "1 passed" in nbval(tmp_path, "--nbval-lax", str(tmp_path / "a.ipynb"))
    else:
        with pytest.raises(AssertionError, match="accuracy"):
            nbval(tmp_path, "--nbval-lax", str(tmp_path / "a.ipynb"))


@pytest.mark.parametrize(("other", "passes"), [("1", True), ("", False)])
def test_on_another_processor_sentences_may_choose_other_words(other, passes, tmp_path: Path, monkeypatch) -> None:
    data = {"text/plain": "<IPython.core.display.Markdown object>", "text/markdown": "This is above chance."}
    metadata = {"tags": ["nbval-check-output", "trained"]}
    source = "from dfdlib.evaluation import aloud\naloud.say('This is not told from chance.')"
    outputs = [nbformat.v4.new_output("display_data", data)]
    cell = nbformat.v4.new_code_cell(source, outputs=outputs, metadata=metadata, execution_count=1)
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "a.ipynb")
    monkeypatch.setenv("DFD_OTHER_PROCESSOR", other)
    with contextlib.nullcontext() if passes else pytest.raises(AssertionError, match="not told"):
        assert "1 passed" in nbval(tmp_path, "--nbval-lax", str(tmp_path / "a.ipynb"))
