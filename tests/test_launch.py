"""Opening the study elsewhere: Binder's files, and the badge from the one place with the repository's address."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from dfdlib.core import paths

LAUNCH = SimpleNamespace(**runpy.run_path(str(paths.root() / "tools" / "launch.py"), run_name="launch"))
BINDER = paths.root() / ".binder"
NOTEBOOK = "?urlpath=lab/tree/notebooks/00_start_here.ipynb"


@pytest.mark.parametrize(
    ("repository", "place"),
    [
        ("https://github.com/someone/study.x", "gh/someone/study.x"),
        ("https://git.example.org/a/b", "git/https%3A%2F%2Fgit.example.org%2Fa%2Fb"),
    ],
)
def test_the_badge_leads_to_the_first_notebook(repository: str, place: str) -> None:
    assert LAUNCH.binder(repository) == f"https://mybinder.org/v2/{place}/HEAD{NOTEBOOK}"
    assert (paths.root() / NOTEBOOK.partition("tree/")[2]).is_file()
    text = LAUNCH.filled("a\n<!-- launch -->\nold\n<!-- end -->\ngit clone ADDRESS study\n", repository)
    assert LAUNCH.binder(repository) in text and "old" not in text and f"git clone {repository} study" in text
    assert LAUNCH.filled(text, repository) == text
    assert "](docs/binder.svg)" in text and (paths.root() / "docs" / "binder.svg").is_file()


def test_without_an_address_there_is_no_badge_and_a_sentence_says_where_it_goes() -> None:
    text = LAUNCH.filled("<!-- launch -->\n<!-- end -->\n", "")
    assert "mybinder" not in text and "`repository-code` in `CITATION.cff`" in text


def test_one_command_takes_a_new_address_from_citation_cff_to_badge_binder_and_colab(tmp_path, monkeypatch) -> None:
    """What the site makes of the same texts is in tests/test_site.py."""
    repository = "https://github.com/someone/study"
    (tmp_path / "docs").mkdir()
    for name in ("README.md", "docs/elsewhere.md", "CITATION.cff"):
        (tmp_path / name).write_bytes((paths.root() / name).read_bytes())
    with (tmp_path / "CITATION.cff").open("a") as citation:
        citation.write(f"repository-code: {repository}\n")
    monkeypatch.setattr(paths, "root", lambda: tmp_path)
    LAUNCH.main()
    readme, elsewhere = ((tmp_path / name).read_text() for name in ("README.md", "docs/elsewhere.md"))
    assert f"[![Open the notebooks on Binder](docs/binder.svg)]({LAUNCH.binder(repository)})" in readme
    assert "%%bash" in elsewhere and f"\ngit clone {repository} study\n" in elsewhere


@pytest.mark.parametrize("name", ["README.md", "docs/elsewhere.md"])
def test_the_committed_text_has_the_address_of_citation_cff(name: str) -> None:
    """Where this fails after a change of the address: `make readme`."""
    text = (paths.root() / name).read_text(encoding="utf-8")
    assert text == LAUNCH.filled(text, LAUNCH.address()) and ("<!-- launch -->" in text or "git clone" in text)


def test_binder_installs_what_environment_yml_does() -> None:
    """The folder must be there: with a Dockerfile in the root and no such folder, Binder takes the Dockerfile."""
    door = yaml.safe_load((paths.root() / "environment.yml").read_text(encoding="utf-8"))
    own = yaml.safe_load((BINDER / "environment.yml").read_text(encoding="utf-8"))
    (pip,) = (line["pip"] for line in door["dependencies"] if isinstance(line, dict))
    assert own["channels"] == door["channels"]
    assert own["dependencies"] == [line for line in door["dependencies"] if isinstance(line, str)]
    words = (BINDER / "postBuild").read_text(encoding="utf-8").split()
    assert all(word in words for line in (pip[0], *pip[-2:]) for word in line.split())
    assert sorted(path.name for path in BINDER.iterdir()) == ["environment.yml", "postBuild"], "no Dockerfile before it"


@pytest.mark.skipif(os.name == "nt", reason="Binder runs it on Linux")
def test_post_build_calls_pip_with_files_that_exist_and_stops_where_pip_fails(tmp_path: Path) -> None:
    fake = tmp_path / "python"
    fake.write_text('#!/bin/sh\necho "$@" > "$SAID"\nexit 3\n')
    fake.chmod(0o755)
    env = os.environ | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "SAID": str(tmp_path / "said")}
    done = subprocess.run([str(BINDER / "postBuild")], cwd=paths.root(), env=env)
    assert done.returncode == 3
    words = (tmp_path / "said").read_text().split()
    assert words[:3] == ["-m", "pip", "install"]
    assert all((paths.root() / word).exists() for word in words[3:] if not word.startswith("-"))


def test_an_editable_install_makes_the_package_importable(tmp_path: Path) -> None:
    """As postBuild's last words do, without the network, into a folder of its own, with the build tools found here."""
    pytest.importorskip("setuptools", minversion="77")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    source = tmp_path / "study"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "dfdlib"):
        (source / name).symlink_to(paths.root() / name)
    done = subprocess.run([*pip, "--target", str(tmp_path / "lib"), "-e", str(source)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    code = f"import site; site.addsitedir({str(tmp_path / 'lib')!r}); import dfdlib; print(dfdlib.__file__)"
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    said = subprocess.run([sys.executable, "-S", "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert Path(said.stdout.strip()).resolve() == paths.root() / "dfdlib" / "__init__.py", said.stderr
