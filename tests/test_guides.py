"""The guides in docs/: their code runs as written, and their commands and links exist."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from dfdlib.command import cli
from dfdlib.core import paths

GUIDES = sorted((paths.root() / "docs").glob("*.md"))
WITH_CODE = ["another-paper", "your-own-cue", "your-own-data", "your-own-network"]
PRINTED = {  # what a reader of each guide sees
    "another-paper": "Here: 0.870 [0.603, 0.984] (889 frames of 7 people) - compatible",
    "your-own-cue": "Gain over the head pose alone, AUC:",
    "your-own-data": "train 0",
    "your-own-network": "9,240 parameters",
}


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def script(text: str) -> str:
    """All Python blocks as one script, each on the lines that it has in the guide, so that an error names that line."""
    lines, inside = [], False
    for line in text.splitlines():
        fence = line.startswith("```")
        lines.append(line if inside and not fence else "")
        inside = line == "```python" if fence else inside
    return "\n".join(lines) + "\n"


def test_a_script_keeps_the_guides_lines() -> None:
    text = "# A\n\n```python\nx = 1\n```\n\n```bash\nls\n```\n\n```python\n1 / 0\n```\n"
    assert blocks(text, "python") == ["x = 1\n", "1 / 0\n"] and blocks(text, "bash") == ["ls\n"]
    assert script(text).splitlines() == [*[""] * 3, "x = 1", *[""] * 7, "1 / 0", ""]


def test_the_guides_are_those_that_run() -> None:
    assert [path.stem for path in GUIDES if blocks(path.read_text(encoding="utf-8"), "python")] == WITH_CODE


@pytest.mark.parametrize("name", WITH_CODE)
def test_a_guides_code_runs_as_written(name: str, tmp_path: Path) -> None:
    """In a process of its own, as guides add to the library's tables, and in an empty folder; warnings are errors."""
    text = (paths.root() / "docs" / f"{name}.md").read_text(encoding="utf-8")
    (tmp_path / f"{name}.py").write_text(script(text), encoding="utf-8")
    own = {f"DFD_{kind}": str(tmp_path / kind.lower()) for kind in ("CACHE", "RUNS", "RESULTS", "FIGURES")}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DFD_")}
    command = [sys.executable, "-W", "error", f"{name}.py"]
    env = kept | own | {"PYTHONPATH": str(paths.root())}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert PRINTED[name] in " ".join(done.stdout.split())
    assert text.count("\nassert ") >= 3, "a guide checks what it computes"


@pytest.mark.parametrize("path", GUIDES, ids=lambda path: path.stem)
def test_a_guides_links_and_commands_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (path.parent / target).exists(), target
    for file in re.findall(r"`((?:dfdlib|tests|tools|studies|notebooks)/[\w./]*)`", text):
        assert (paths.root() / file).exists() or file.endswith("mine.py"), file


STAND_IN = """#!/bin/sh
echo "$(basename "$0") $*" >> "$SAID"
for word; do case "$word" in *.txt) test -f "$word" || exit 1 ;; esac; done
if [ "$1" = venv ]; then mkdir -p .venv/bin && cp "$0" .venv/bin/dfd; fi
"""


@pytest.mark.skipif(os.name == "nt", reason="the blocks are for bash")
@pytest.mark.parametrize("path", [path for path in GUIDES if "```bash" in path.read_text(encoding="utf-8")], ids=str)
def test_a_guides_shell_blocks_run_to_their_end(path: Path, tmp_path: Path) -> None:
    """In an empty folder, with a repository of two files as ADDRESS; a comment above each block names the stand-ins."""
    text = path.read_text(encoding="utf-8")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for name in ("requirements.txt", "pyproject.toml"):
        shutil.copy(paths.root() / name, tmp_path / name)
    for words in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "x"]):
        subprocess.run([*git, *words], cwd=tmp_path, check=True)
    for number, (names, block) in enumerate(
        re.findall(r"^<!-- In tests (.+?) are.*\n```bash\n(.*?)^```$", text, re.M | re.S)
    ):
        folder, tools, said = (tmp_path / f"{kind}{number}" for kind in ("in", "tools", "said"))
        folder.mkdir()
        tools.mkdir()
        for name in re.split(r", | and ", names):
            (tools / name).write_text(STAND_IN)
            (tools / name).chmod(0o755)
        env = os.environ | {"PATH": f"{tools}{os.pathsep}{os.environ['PATH']}", "SAID": str(said)}
        block = re.sub(r"git clone \S+", f"git clone --quiet {tmp_path}", block)
        done = subprocess.run(["bash", "-e", "-c", block], cwd=folder, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        lines = [line.removeprefix(".venv/bin/") for line in block.splitlines() if not line.startswith(("git", "cd"))]
        assert said.read_text().splitlines() == lines
    assert text.count("```bash") == len(re.findall(r"^<!-- In tests .*\n```bash", text, re.M)), "each block is run"


def commands() -> list[str]:
    """Every `dfd` command with its arguments that a document shows, in a line of code or in a block."""
    documents = [*paths.root().glob("*.md"), *paths.root().glob("*/*.md"), *paths.notebooks().glob("*/*.md")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted(documents) if path.name != "CHANGELOG.md")
    shown = re.findall(r"`(?:\.venv/bin/)?dfd ([^`\n]+)`|^(?:\.venv/bin/)?dfd ([^#\n]+)", text, re.MULTILINE)
    return sorted({"".join(found).strip() for found in shown})


@pytest.mark.parametrize("line", commands())
def test_a_command_of_the_documents_is_understood(line: str) -> None:
    """Read as the command line is, and not run: its name, the number of its arguments, its options."""
    command, words = typer.main.get_command(cli.app), line.split()
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]
    if all(word.startswith("--") for word in words):  # it is only spoken of
        assert set(words) <= {name for param in command.params for name in param.opts}
    else:
        command.make_context("dfd", words)
