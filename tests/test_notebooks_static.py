"""The contract that every notebook keeps, checked without running it."""

from __future__ import annotations

import re

import nbformat
import pytest

from dfdlib.core import paths

NOTEBOOKS = sorted(paths.notebooks().glob("*.ipynb"))
pytestmark = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)


@pytest.fixture
def notebook(path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def _cells(notebook, kind: str) -> list:
    return [cell for cell in notebook.cells if cell.cell_type == kind]


def _lines(cell) -> list[str]:
    return [line for line in cell.source.splitlines() if line.strip()]


def test_the_first_cell_is_a_front_page(path, notebook) -> None:
    front = notebook.cells[0].source
    assert front.startswith(f"# {path.stem[:2]} ")
    for word in ("**Question.**", "**You will learn**", "**Runtime.**", "**Paper.**"):
        assert word in front
    assert 3 <= len(re.findall(r"^- ", front, re.MULTILINE)) <= 5
    assert ".ipynb)" in front, "a link to the next or the previous notebook"


def test_study_is_the_only_parameter(notebook) -> None:
    tagged = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    assert [cell.source.partition("  #")[0] for cell in tagged] == ['study: str = "embedded"']


def test_the_story_ends_with_findings_and_limits(notebook) -> None:
    text = "\n".join(cell.source for cell in _cells(notebook, "markdown"))
    assert text.index("## What we found") < text.index("## Limits")


def test_cells_are_short_and_prose_is_long(notebook) -> None:
    lengths = sorted(len(_lines(cell)) for cell in _cells(notebook, "code"))
    words = sum(len(cell.source.split()) for cell in _cells(notebook, "markdown"))
    assert len(lengths) <= 30
    assert lengths[-1] <= 15
    assert lengths[len(lengths) // 2] <= 6
    assert words / sum(lengths) >= 8


def test_no_two_code_cells_touch(notebook) -> None:
    kinds = [cell.cell_type for cell in notebook.cells]
    touching = [i for i in range(2, len(kinds)) if kinds[i] == kinds[i - 1] == "code"]
    assert not touching, "prose states the question before the code"


def test_code_is_plain(notebook) -> None:
    code = "\n".join(cell.source for cell in _cells(notebook, "code"))
    assert not re.search(r"^\s*[!%]", code, re.MULTILINE), "no shell or magic"
    assert not re.search(r";\s*$", code, re.MULTILINE), "a trailing semicolon fails under nbval"
    assert not re.search(r"^class ", code, re.MULTILINE)
    assert len(re.findall(r"^def ", code, re.MULTILINE)) <= 1
    assert not re.search(r"[\"'](/|~|[A-Z]:\\)", code), "paths come from dfdlib.core.paths"
    assert "warnings.filterwarnings" not in code


def test_it_was_run_from_top_to_bottom(notebook) -> None:
    counts = [cell.execution_count for cell in _cells(notebook, "code")]
    assert counts == list(range(1, len(counts) + 1)), "run `make publish`: nbval checks nothing in cells never run"


def test_it_says_on_what_kind_of_processor_it_was_run(notebook) -> None:
    assert notebook.metadata["dfd"]["machine"], "run `make publish`: it writes what nbval has to know"


def test_outputs_are_clean_and_small(path, notebook) -> None:
    outputs = [output for cell in _cells(notebook, "code") for output in cell.outputs]
    assert not [o for o in outputs if o.output_type == "error"]
    assert not [o for o in outputs if o.get("name") == "stderr"]
    assert path.stat().st_size <= 1_600_000
    assert not [o for o in outputs if str(paths.root()) in str(o.get("text", ""))], "no path of one machine"


def test_numbers_are_checked_by_nbval(notebook) -> None:
    checked = [c for c in _cells(notebook, "code") if "nbval-check-output" in c.metadata.get("tags", [])]
    assert checked
    assert all(cell.outputs for cell in checked)


def test_only_checked_cells_are_called_trained(notebook) -> None:
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        assert "trained" not in tags or "nbval-check-output" in tags


def test_figures_carry_the_papers_number_and_a_caption(notebook) -> None:
    cells = notebook.cells
    for index, cell in enumerate(cells):
        if "plt.show()" in cell.source:
            number = re.match(r"# Figure (\d+)", cell.source)
            assert number, "a figure cell starts with its number"
            assert cells[index + 1].source.startswith(f"**Figure {number[1]}.**"), "and a caption follows"


def test_the_runtime_is_that_of_the_benchmark(path, notebook) -> None:
    """The seconds on the front page are the notebook's own and its trainings' in benchmarks/study.md."""
    page = (paths.root() / "benchmarks" / "study.md").read_text(encoding="utf-8")
    seconds = {job: int(taken) for job, taken in re.findall(r"^\| ([\w -]+) \| \d+ \| (\d+) \|", page, re.MULTILINE)}
    trained = {"03": ("paper", "one-cycle"), "05": ("one-cycle-validated",), "07": ("no-fakes",)}
    own = sum(seconds[f"training {name}"] for name in trained.get(path.stem[:2], ()))
    said = re.findall(r"(\d+)(?: seconds| of them)", notebook.cells[0].source)
    assert [int(number) for number in said] == [seconds[path.stem] + own, *([own] if own else [])]
