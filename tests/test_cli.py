"""The command `dfd` and the runner of notebooks, on throw-away notebooks of three cells."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import threading
import time
from importlib.metadata import version
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from rich.console import Console

from dfdlib.command import cli, cli_data, helptext, progress, publish, recipes, verdicts
from dfdlib.command import run as runner
from dfdlib.command.progress import Steps
from dfdlib.core import paths, repro
from dfdlib.core.errors import DfdError
from dfdlib.evaluation import recompute, results
from dfdlib.evaluation.intervals import Estimate

PARAMETERS = 'study: str = "embedded"  # the study to run'


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty place for notebooks, results and what is built; studies/ stays the real one."""
    (tmp_path / "notebooks").mkdir()
    monkeypatch.setattr(paths, "notebooks", lambda: tmp_path / "notebooks")
    monkeypatch.setattr(paths, "build", lambda: tmp_path / "build")
    monkeypatch.setenv("DFD_RESULTS", str(tmp_path / "results"))
    return tmp_path


def _write(repository: Path, name: str, *sources: str, parameters: str = PARAMETERS) -> Path:
    cells = [new_markdown_cell(f"# {name}"), new_code_cell(parameters, metadata={"tags": ["parameters"]})]
    cells += [new_markdown_cell("## The step"), *(new_code_cell(source) for source in sources)]
    path = repository / "notebooks" / f"{name}.ipynb"
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)
    return path


def _console() -> Console:
    return Console(file=io.StringIO(), width=200)


def _dfd(*arguments: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("sys.argv", ["dfd", *arguments])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    return stop.value.code


def test_the_overview_runs_last(repository: Path) -> None:
    for name in ("00_start_here", "01_first", "02_second"):
        _write(repository, name)
    assert [path.stem for path in runner.order()] == ["01_first", "02_second", "00_start_here"]
    assert [path.stem for path in runner.order(["02"])] == ["02_second"]
    with pytest.raises(DfdError, match="no notebook 07; there are: 00_start_here"):
        runner.order(["07"])


def test_a_run_passes_the_study_and_tells_each_step(repository: Path) -> None:
    path = _write(repository, "01_first", "print(study)", "print(1 + 1)")
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[-1].metadata["step"] = "Train it"
    nbformat.write(notebook, path)
    console = _console()
    folder = runner.run_study("smoke", console, ["01"])
    executed = nbformat.read(folder / "01_first.ipynb", as_version=4)
    printed = [cell.outputs[0].text for cell in executed.cells if cell.get("outputs")]
    assert printed == ["smoke\n", "2\n"]
    log = console.file.getvalue()
    assert "01_first: The step" in log
    assert "01_first: Train it" in log


def test_a_failing_cell_stops_the_run_with_one_sentence(repository: Path) -> None:
    _write(
        repository,
        "01_first",
        "print('kept')",
        "from dfdlib.core.errors import DfdError\nraise DfdError('No clip; add one.')",
    )
    _write(repository, "03_third", "1 / 0")
    with pytest.raises(DfdError, match=r"^01_first.ipynb stopped: No clip; add one\. \(The notebook up to there is"):
        runner.run_study("smoke", _console(), ["01", "03"])
    assert "kept" in (repository / "build" / "smoke" / "notebooks" / "01_first.ipynb").read_text()
    assert not (repository / "build" / "smoke" / "notebooks" / "03_third.ipynb").exists()  # it needs the first
    with pytest.raises(DfdError, match="03_third.ipynb stopped: ZeroDivisionError: division by zero"):
        runner.run_study("smoke", _console(), ["03"])


def test_notebooks_that_do_not_need_each_other_run_at_once(repository: Path) -> None:
    wait = "import pathlib, time\nfor _ in range(600):\n    time.sleep(0.1)\n    if pathlib.Path('{}').exists(): break"
    for name, other in (("01_first", "02_second"), ("02_second", "01_first")):
        _write(
            repository,
            name,
            f"open('{name}', 'w').close()",
            wait.format(other),
            f"assert pathlib.Path('{other}').exists()",
        )
    console = _console()
    runner.run_study("smoke", console, ["01", "02"])
    assert "done 01_first" in console.file.getvalue()
    assert "done 02_second" in console.file.getvalue()


def test_a_run_keeps_a_log_and_the_seconds_of_each_notebook(repository: Path) -> None:
    _write(repository, "01_first", "1 + 1")
    _write(repository, "02_second", 'raise ValueError("broken")')
    with pytest.raises(DfdError, match="broken"):
        runner.run_study("smoke", _console(), ["01", "02"])
    table = pd.read_csv(repository / "build" / "smoke" / "seconds.csv").set_index("name")
    assert table.loc["01_first", "ended"] == "done" and table.loc["01_first", "seconds"] > 0
    assert "ValueError: broken" in table.loc["02_second", "ended"]
    log = (repository / "build" / "smoke" / "run.log").read_text()
    assert "INFO 01_first: The step" in log and "ERROR 02_second: 02_second.ipynb stopped: ValueError: broken" in log


def test_a_second_run_of_a_study_is_refused_and_a_dead_one_blocks_nothing(repository: Path) -> None:
    _write(repository, "01_first", "1 + 1")
    lock = repository / "build" / "smoke" / "run.lock"
    lock.parent.mkdir(parents=True)
    hold = "import filelock, sys, time; held = filelock.FileLock(sys.argv[1]); held.acquire(); "
    command = [sys.executable, "-c", hold + "print('held', flush=True); time.sleep(600)", str(lock)]
    lock.with_suffix(".pid").write_text("4711")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        try:
            assert other.stdout.readline() == "held\n"
            with pytest.raises(DfdError, match=r"smoke is under way \(process 4711\); wait for it to end, or stop it"):
                runner.run_study("smoke", _console(), ["01"])
        finally:
            other.kill()
    assert (runner.run_study("smoke", _console(), ["01"]) / "01_first.ipynb").is_file()


def test_a_long_step_says_that_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "REMIND_EVERY", 0.05)
    console = _console()
    with Steps(console) as shown, shown.of("03") as tell:
        tell("training")
        deadline = time.monotonic() + 30
        while "03: still at training after" not in console.file.getvalue() and time.monotonic() < deadline:
            time.sleep(0.05)
    assert "03: still at training after 0 s" in console.file.getvalue()


def test_another_parameter_is_refused_before_the_run(repository: Path) -> None:
    _write(repository, "01_first", parameters="studdy: str = 'embedded'")
    with pytest.raises(DfdError, match=r"01_first.ipynb takes the parameters \['studdy'\]"):
        runner.run_study("smoke", _console(), ["01"])


def test_only_publish_writes_what_git_tracks_and_a_second_time_it_changes_no_byte(
    repository: Path, monkeypatch
) -> None:
    path = _write(repository, "01_first", "print(study)")
    before = path.read_bytes()
    for name in ("results", "figures"):
        (repository / "tracked" / name).mkdir(parents=True)
        monkeypatch.setattr(paths, f"published_{name}", lambda name=name: repository / "tracked" / name)
    monkeypatch.setattr(publish.readme_tables, "write_readme", lambda: None)
    results.record("embedded", "a.acc", Estimate(0.5, 0.4, 0.6, 10, "frames", 5))
    with pytest.raises(DfdError, match="01_first.ipynb is not a complete run of 01_first.ipynb; run the whole study"):
        publish.publish("embedded")
    runner.run_study("embedded", _console(), ["01"])
    assert path.read_bytes() == before and not list((repository / "tracked" / "results").iterdir())
    results.record("embedded", "a.acc", Estimate(0.5, 0.4, 0.6, 10, "frames", 5))
    results.record_run("embedded")
    assert publish.publish("embedded") == repro.machine()
    first = path.read_bytes()
    runner.run_study("embedded", _console(), ["01"])
    assert publish.publish("embedded") == repro.machine() and path.read_bytes() == first
    assert (repository / "tracked" / "results" / "embedded.json").is_file()
    notebook = nbformat.read(path, as_version=4)
    cells = notebook.cells
    assert notebook.metadata["dfd"]["machine"] == repro.machine()
    assert [cell.execution_count for cell in cells if cell.cell_type == "code"] == [1, 2]
    assert not any("papermill" in cell.metadata for cell in cells)
    assert not any("injected-parameters" in cell.metadata.get("tags", []) for cell in cells)


COMMANDS = ["", "run", "train", "predict", "exercises", "grade", "publish", "readme", "recompute", "figures", "site"]
COMMANDS += ["data", "data status", "data verify", "data prepare"]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example_no_empty_types_and_fits(command: str, monkeypatch, capsys) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    told = []
    for flag in ("-h", "--help"):
        assert _dfd(*command.split(), flag, monkeypatch=monkeypatch) == 0
        told.append(capsys.readouterr().out)
    assert told[0] == told[1] and not re.search("<(bool|int|str|float)", told[0]) and "list[" not in told[0]
    assert f"$ dfd {command}" in told[0] or command in ("", "data")
    lines = [line.strip() for line in told[0].splitlines()]
    assert max(map(len, lines)) <= 80
    prose = "\n".join(lines).partition("\u256d")[0]
    for paragraph in (part.split("\n") for part in prose.strip().split("\n\n") if not part.startswith("$")):
        assert min(map(len, paragraph[:-1]), default=80) > 60, "each line but a paragraph's last is full"


def test_every_command_has_been_asked_for_help() -> None:
    known = {command.callback.__name__ for command in (*cli.app.registered_commands, *cli_data.app.registered_commands)}
    assert known == {command.split()[-1] for command in COMMANDS if command not in ("", "data")}


@pytest.mark.parametrize("command", ["run", "train"])
def test_a_bare_command_explains_itself_and_starts_nothing(command: str, monkeypatch, capsys) -> None:
    monkeypatch.setattr(runner, "run_study", None)
    monkeypatch.setattr(recipes, "train_by_name", None)
    assert _dfd(command, monkeypatch=monkeypatch) == 2
    told = "".join(capsys.readouterr())
    assert f"$ dfd {command} " in told
    for path in paths.studies().glob("*.yaml"):
        assert f"\n {path.stem} " in told
    assert _dfd("run", "--again", monkeypatch=monkeypatch) == 2
    assert "Missing argument 'STUDY'" in capsys.readouterr().err


def test_the_studies_are_told_by_the_first_sentence_of_their_files() -> None:
    assert helptext.studies()["uadfv"] == "The paper's own study"
    assert all(len(what) > 10 for what in helptext.studies().values())


def test_make_names_the_study_that_it_runs_and_uses_the_command() -> None:
    command = ["make", "-n", "study", "figures", "site", "VENV=v"]
    said = subprocess.run(command, cwd=paths.root(), capture_output=True, text=True)
    assert "v/bin/dfd run embedded\n" in said.stdout and "v/bin/dfd site\n" in said.stdout
    assert "v/bin/dfd figures embedded\n" in said.stdout


def test_a_score_table_is_recomputed_by_the_command(monkeypatch, capsys) -> None:
    table = paths.published_results() / "scores" / "embedded.csv"
    monkeypatch.setattr(recompute, "recompute", lambda path: [f"of {path.name}"])
    monkeypatch.setattr(recompute, "rewrite", lambda path: 7)
    assert _dfd("recompute", str(table), monkeypatch=monkeypatch) == 0
    assert capsys.readouterr().out == "of embedded.csv\n"
    assert _dfd("recompute", str(table), "--write", monkeypatch=monkeypatch) == 0
    assert capsys.readouterr().out == "of embedded.csv\n7 rows written.\n"


def test_the_site_is_built_by_the_tool_and_without_its_packages_says_so(monkeypatch, capsys) -> None:
    asked = []

    def start(command, **_):
        asked.append(command[1:])
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(cli.subprocess, "run", start)
    assert _dfd("site", "there", monkeypatch=monkeypatch) == 0
    assert asked == [[str(paths.root() / "tools" / "site" / "build.py"), "there"]]
    monkeypatch.setattr(cli.importlib.util, "find_spec", lambda name: None)
    assert _dfd("site", monkeypatch=monkeypatch) == 2
    assert "install them: python -m pip install -e '.[dev]'" in capsys.readouterr().err


def test_a_report_in_a_folder_that_is_not_there_makes_it_and_says_so(tmp_path, capsys) -> None:
    page = tmp_path / "new" / "er" / "report.html"
    for told in (f"Made the folder {page.parent} for the report.\n", ""):
        verdicts._check_page(page)
        assert page.parent.is_dir() and capsys.readouterr().err == told


def test_a_student_s_folder_is_no_concern_of_git() -> None:
    assert subprocess.run(["git", "check-ignore", "-q", "mine/ex01.ipynb"], cwd=paths.root()).returncode == 0


def test_version(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert _dfd("--version", monkeypatch=monkeypatch) == 0
    assert capsys.readouterr().out == f"dfd {version('dfdlib')}\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run", "nosuch"], "There is no study 'nosuch'"),
        (
            ["publish", "smoke"],
            "The numbers of 'smoke' stay in build/; only the studies embedded and uadfv",
        ),
        (["data", "verify", "nowhere"], "There is no folder nowhere"),
        (["data", "status", "nosuch"], "There is no study 'nosuch'"),
        (["run", "smoke", "77"], "no notebook 77; there are: 00_start_here"),
        (["predict", "nowhere.mp4"], "There is no file nowhere.mp4; check the name."),
        (["data", "verify", "README.md"], "README.md is a file; name the folder with real/ and fake/."),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(
    arguments: list[str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.setattr(paths, "build", lambda: tmp_path)  # where no other test runs this study
    assert _dfd(*arguments, monkeypatch=monkeypatch) == 2
    out, err = capsys.readouterr()
    assert err.startswith("dfd: ") and sentence in err
    assert len(err.splitlines()) == 1
    assert out == ""


@pytest.mark.parametrize(
    ("name", "variable"), [("uadfv", "DFD_UADFV"), ("ffpp", "DFD_FFPP"), ("celebdf", "DFD_CELEBDF")]
)
def test_a_run_without_its_data_says_so_before_anything_else(
    repository: Path, name: str, variable: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(variable, raising=False)
    (repository / "results").mkdir()
    (repository / "results" / f"{name}.json").write_text("numbers of an older run")
    for notebooks in ((), ("01",)):
        assert _dfd("run", name, *notebooks, monkeypatch=monkeypatch) == 2
        told = f"dfd: The study {name} cannot start: {variable} is not set; data/README.md says what it names"
        assert capsys.readouterr().err.startswith(told)
    assert (repository / "results" / f"{name}.json").read_text() == "numbers of an older run"


def test_a_copy_of_uadfv_with_nothing_in_it_is_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _dfd("data", "verify", str(tmp_path), monkeypatch=monkeypatch) == 2
    assert "is not a copy of UADFV: it has neither real/ nor fake/" in capsys.readouterr().err
    (tmp_path / "real").mkdir()
    assert _dfd("data", "verify", str(tmp_path), monkeypatch=monkeypatch) == 2
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 98
    assert "differs from the manifest in 98 of 98 videos" in err


def test_networks_trained_beside_the_notebooks_are_recipes_and_awaited() -> None:
    trained = {name for needed in runner.NEEDS.values() for name in needed if not name.isdigit()}
    assert trained <= set(recipes.RECIPES) and trained <= set(runner.NEEDS)
    assert set(runner.ORDER) - trained == {path.stem[:2] for path in runner.order()}
    assert {"paper", "one-cycle"} <= set(runner.NEEDS["03"]) and "one-cycle-validated" in runner.NEEDS["05"]


def test_a_network_is_trained_beside_the_notebooks_until_that_was_done(repository: Path, monkeypatch) -> None:
    monkeypatch.setenv("DFD_RUNS", str(repository / "runs"))
    for folder in ("runs", "build"):
        (repository / folder / "smoke").mkdir(parents=True)
    commands, codes = [], iter([2, 0])

    def start(command, stdout, **_):
        commands.append(command[1:])
        stdout.write("Traceback\nValueError: what went wrong\n")
        return subprocess.CompletedProcess(command, next(codes))

    monkeypatch.setattr(runner.subprocess, "run", start)
    console = _console()
    with Steps(console) as shown:
        for _ in range(3):  # it fails, succeeds, and is not repeated
            runner._train("smoke", "one-cycle", shown)
    log = repository / "build" / "smoke" / "training-one-cycle.log"
    assert f"training one-cycle failed (ValueError: what went wrong); {log} has all of it" in console.file.getvalue()
    assert commands == 2 * [["-m", "dfdlib", "train", "smoke", "one-cycle"]]


def test_printed_text_is_kept_in_one_piece() -> None:
    printed = (("stdout", "a"), ("stdout", "b"), ("stderr", "c"), ("stdout", "d"))
    joined = publish._joined([new_output("stream", name=name, text=text) for name, text in printed])
    assert [(output.name, output.text) for output in joined] == [("stdout", "ab"), ("stderr", "c"), ("stdout", "d")]


def test_jobs_start_by_need_and_in_order() -> None:
    began: list[str] = []
    lock = threading.Lock()

    def job(name: str, error: Exception | None = None):
        def work() -> None:
            with lock:
                began.append(name)
            time.sleep(0.02)
            if error:
                raise error

        return work

    names = list(runner.ORDER)
    assert runner._by_need({name: job(name) for name in names}, 2) == {}
    assert set(began) == set(names) and sorted(began[:2]) == ["01", "02"] and began[-1] == "00"
    for name in names[2:-1]:
        assert all(began.index(other) < began.index(name) for other in runner.NEEDS[name])
    assert sorted(began[2:4]) == sorted(names[2:4])

    began.clear()
    failed = set(runner._by_need({name: job(name, DfdError("no") if name == "03" else None) for name in names}, 2))
    assert failed == {"03", "05", "07", "00"} and set(began) == set(names) - failed | {"03"}


def test_a_second_run_that_would_change_nothing_executes_no_notebook(repository: Path, monkeypatch) -> None:
    executed = []

    def execute(source: Path, target: Path, *_) -> None:
        target.write_bytes(source.read_bytes())
        executed.append(target)

    def runs(*names: str, **more: bool) -> int:
        runner.run_study("smoke", _console(), names, **more)
        return len(executed)

    monkeypatch.setattr(runner, "_execute", execute)
    _write(repository, "01_first", "1 + 1")
    assert [runs(), runs(), runs(again=True)] == [1, 1, 2]
    executed[0].write_text(executed[0].read_text() + "\n")
    assert runs() == 3, "what the run wrote has changed"
    _write(repository, "01_first", "1 + 2")
    assert [runs(), runs()] == [4, 4], "the notebook has changed"
    assert [runs("01"), runs()] == [5, 6], "one notebook was run alone"
