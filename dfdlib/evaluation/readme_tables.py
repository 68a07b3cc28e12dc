"""README's tables and findings, filled in from the committed numbers."""

from __future__ import annotations

import re

from dfdlib.core import paths
from dfdlib.core.errors import DfdError
from dfdlib.evaluation import claims, findings


def readme_text(text: str) -> str:
    """README with every block from `<!-- table:STUDY -->` (or findings, why, facts) to `<!-- end -->` filled in."""
    writers = {"table": claims.markdown_table, "why": claims.markdown_why, "facts": claims.markdown_facts}
    writers |= {"findings": lambda _: findings.markdown()}

    def fill(match: re.Match) -> str:
        return f"{match[1]}\n{writers[match[2]](match[3])}\n{match[4]}"

    return re.sub(r"(<!-- (table|findings|why|facts):(\w+) -->)\n.*?(<!-- end -->)", fill, text, flags=re.DOTALL)


def write_readme() -> None:
    """Fill in README's tables from results/*.json."""
    path = paths.root() / "README.md"
    path.write_text(readme_text(path.read_text(encoding="utf-8")), encoding="utf-8")


def check_readme() -> None:
    """DfdError if README's tables are not those of results/*.json."""
    path = paths.root() / "README.md"
    if path.read_text(encoding="utf-8") != readme_text(path.read_text(encoding="utf-8")):
        raise DfdError("README.md's tables differ from results/*.json; run `make readme`.")
