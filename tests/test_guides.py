"""The guides in docs/: their code runs as written, and their commands and links exist."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

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
    for block in blocks(text, "bash"):
        assert subprocess.run(["bash", "-n", "-c", block]).returncode == 0
