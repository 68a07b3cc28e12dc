"""The notebooks run again from nothing: by the same instructions to the same outputs, by others to equal verdicts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from benchmarks import processors
from dfdlib.core import studies
from dfdlib.data import sources
from tests import few
from tests.notebook_runs import nbval, without_kernels

pytestmark = pytest.mark.notebooks
ALL = ("00", "01", "02", "03", "04", "05", "06", "07")
OTHER = {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "AVX2"}  # every x86 processor with AVX2 has both


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Of the embedded set the people that the smoke study takes, since notebook 04 also learns from the whole set."""
    folder = tmp_path_factory.mktemp("data")
    people = sorted({clip.person for clip in sources.clips(studies.load("smoke"))})
    few.copy(folder / "embedded", people)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DFD_DATA", str(folder))
        yield


@pytest.fixture(scope="module")
def first(data: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The smoke study, with an empty cache."""
    folder = tmp_path_factory.mktemp("first")
    done = without_kernels(folder, "smoke", *ALL, more={})
    assert done.returncode == 0, done.stderr
    return folder


def test_a_second_run_from_nothing_gives_the_same(first: Path, tmp_path: Path) -> None:
    """Every number, table, score and figure's CSV, to the last digit, with another empty cache."""
    done = without_kernels(tmp_path, "smoke", *ALL, more={})
    assert done.returncode == 0, done.stderr
    one, other = _written(first), _written(tmp_path)
    assert one.keys() == other.keys() and len(one) >= 60, sorted(one.keys() ^ other.keys())
    assert not [name for name in one if one[name] != other[name]]


def _written(folder: Path) -> dict[str, object]:
    """The rows of results/smoke.json, and the text of every table and figure's CSV, by their place."""
    files = [path for part in ("results", "figures") for path in (folder / part).rglob("*.csv")]
    found: dict[str, object] = {str(path.relative_to(folder)): path.read_text(encoding="utf-8") for path in files}
    return found | {"rows": json.loads((folder / "results" / "smoke.json").read_text())["rows"]}


def test_other_instructions_give_the_same_verdicts(first: Path, tmp_path: Path) -> None:
    """The short form of benchmarks/processors.py, with the first run's cache as there."""
    more = OTHER | {"DFD_CACHE": str(first / "cache")}  # its keys know the instructions where they matter
    done = without_kernels(tmp_path, "smoke", *processors.NOTEBOOKS, more=more)
    assert done.returncode == 0, done.stderr
    found = {
        case: json.loads((folder / "results" / "smoke.json").read_text())["rows"]
        for case, folder in {processors.SHARED: first, (*OTHER.values(), 1): tmp_path}.items()
    }
    assert processors.table(found)["others"].tolist() == ["", ""]


def _cell(source: str, output: NotebookNode, *tags: str) -> NotebookNode:
    metadata = {"tags": ["nbval-check-output", *tags]}
    return nbformat.v4.new_code_cell(source, outputs=[output], metadata=metadata, execution_count=1)


def _printing(said: str, *tags: str) -> NotebookNode:
    return _cell(f"print({said!r})", nbformat.v4.new_output("stream", text="accuracy 0.93, a gain\n"), *tags)


def _saying(*tags: str) -> NotebookNode:
    """Markdown that chooses its words."""
    data = {"text/plain": "<IPython.core.display.Markdown object>", "text/markdown": "This is above chance."}
    source = "from dfdlib.evaluation import aloud\naloud.say('This is not told from chance.')"
    return _cell(source, nbformat.v4.new_output("display_data", data), *tags)


CELLS = [  # each with whether it passes on another processor; on the same one none does
    (_printing("accuracy 0.87, a gain", "trained"), True),
    (_printing("accuracy 0.87, a gain"), False),
    (_printing("accuracy 0.93, a loss", "trained"), False),
    (_saying("trained"), True),
]


@pytest.mark.parametrize("other", ["1", ""])
def test_on_another_processor_nbval_compares_the_words_that_are_printed(
    other: str, tmp_path: Path, monkeypatch
) -> None:
    nbformat.write(nbformat.v4.new_notebook(cells=[cell for cell, _ in CELLS]), tmp_path / "a.ipynb")
    monkeypatch.setenv("DFD_OTHER_PROCESSOR", other)
    with pytest.raises(AssertionError) as told:
        nbval(tmp_path, "--nbval-lax", str(tmp_path / "a.ipynb"))
    wrong = {int(number) for number in re.findall(r"^FAILED .*::Cell (\d+)", str(told.value), re.MULTILINE)}
    assert wrong == {number for number, (_, passes) in enumerate(CELLS) if not (other and passes)}
