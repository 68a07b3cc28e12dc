"""README's line on opening the study elsewhere, from the one place with the repository's address.

That is `repository-code: https://...` in CITATION.cff. `make readme` writes the line.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from urllib.parse import quote

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # this checkout, not the installed one
from dfdlib.core import paths

BINDER, FIRST = "https://mybinder.org", "notebooks/00_start_here.ipynb"
NO_ADDRESS = (
    "**Elsewhere**: [Binder and Colab](docs/elsewhere.md). The badge appears once `repository-code` in `CITATION.cff` "
    "names this repository's address and `make readme` has run."
)


def address() -> str:
    """The repository's address, empty where CITATION.cff names none."""
    about = yaml.safe_load((paths.root() / "CITATION.cff").read_text(encoding="utf-8"))
    return about.get("repository-code", "").removesuffix("/").removesuffix(".git")


def binder(repository: str) -> str:
    """Binder's link to the first notebook in JupyterLab, for a repository on GitHub or on any other server."""
    on_github = re.fullmatch(r"https://github\.com/([\w.-]+/[\w.-]+)", repository)
    place = f"gh/{on_github[1]}" if on_github else f"git/{quote(repository, safe='')}"
    return f"{BINDER}/v2/{place}/HEAD?urlpath=lab/tree/{FIRST}"


def line(repository: str) -> str:
    """README's line, with a badge where the address is known."""
    if not repository:
        return NO_ADDRESS
    # A picture of our own, so that pages work offline.
    badge = f"[![Open the notebooks on Binder](docs/binder.svg)]({binder(repository)})"
    return f"{badge} ([or on Colab](docs/elsewhere.md))"


def filled(text: str, repository: str) -> str:
    """README with its line, or the guide with its `git clone`, for this address."""
    text = re.sub(
        r"(<!-- launch -->)\n.*?(<!-- end -->)", lambda m: f"{m[1]}\n{line(repository)}\n{m[2]}", text, flags=re.DOTALL
    )
    return re.sub(r"git clone \S+ study", lambda _: f"git clone {repository or 'ADDRESS'} study", text)


def main() -> None:
    for name in ("README.md", "docs/elsewhere.md"):
        path = paths.root() / name
        path.write_text(filled(path.read_text(encoding="utf-8"), address()), encoding="utf-8")


if __name__ == "__main__":
    main()
