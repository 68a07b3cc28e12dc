"""The library's reference, made from signatures and docstrings without importing anything: one page a package."""

from __future__ import annotations

import ast
import html
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import content
from content import Page

from dfdlib.core import paths

GROUP = "The library"
CODE = re.compile("`+([^`]+)`+")
Definition = ast.FunctionDef | ast.ClassDef


def pages() -> Iterator[Page]:
    """A page that lists the packages, then one for each with its modules' public functions and classes."""
    found = {path.parent.name: _modules(path.parent) for path in sorted(paths.root().glob("dfdlib/*/__init__.py"))}
    found = {package: modules for package, modules in found.items() if modules}
    yield Page("reference/index.html", "dfdlib", "Reference", _overview(found), GROUP)
    for package, modules in found.items():
        parts = [f"<h1>dfdlib.{package}</h1>", *(_module(f"{package}.{path.stem}", path) for path in modules)]
        url = f"reference/{package}.html"
        yield Page(url, f"dfdlib/{package}/__init__.py", f"dfdlib.{package}", "".join(parts), GROUP, short=package)


def _modules(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.glob("*.py")) if path.stem != "__init__"]


def _overview(found: dict[str, list[Path]]) -> str:
    rows = [
        f'<tr><td><a href="{package}/__init__.py#{package}{path.stem}">{package}.{path.stem}</a></td>'
        f"<td>{_inline(content.about(path))}</td></tr>"
        for package, modules in found.items()
        for path in modules
    ]
    head = "<thead><tr><th>Module of dfdlib</th><th>What it does</th></tr></thead>"
    return f"<h1>Reference</h1><p>{INTRODUCTION}</p><table>{head}<tbody>{''.join(rows)}</tbody></table>"


INTRODUCTION = (
    "Every public function and class of the library behind the notebooks, from its docstring. Packages import only "
    "from those below them: command, detector, plots, experiments, then resnet, superres and headpose, then faces "
    "and evaluation, then data, then core."
)


def _module(name: str, path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    tree, lines = ast.parse(text), text.splitlines()
    public = [node for node in tree.body if isinstance(node, Definition) and not node.name.startswith("_")]
    return f"<h2>{name}</h2>{_docstring(tree)}" + "".join(_definition(node, "h3", lines) for node in public)


def _definition(node: Definition, level: str, lines: list[str]) -> str:
    """A function's or class's name, signature and docstring; a class's fields and public methods beneath."""
    parts = [f"<{level}>{node.name}</{level}>", _code(_signature(node, lines)), _docstring(node)]
    if isinstance(node, ast.ClassDef):
        methods = [part for part in node.body if isinstance(part, ast.FunctionDef) and not part.name.startswith("_")]
        parts += [_definition(method, "h4", lines) for method in methods]
    return "".join(parts)


def _signature(node: Definition, lines: list[str]) -> str:
    """As in the code: a function's arguments; a class's fields, with their shapes and units beside them."""
    marks = "".join(f"@{ast.unparse(mark)}\n" for mark in node.decorator_list)
    if isinstance(node, ast.ClassDef):
        bases = f"({', '.join(map(ast.unparse, node.bases))})" if node.bases else ""
        fields = [part for part in node.body if isinstance(part, ast.AnnAssign) and not part.target.id.startswith("_")]
        shown = [line for part in fields for line in lines[part.lineno - 1 : part.end_lineno]]
        return "\n".join([f"{marks}class {node.name}{bases}", *shown])
    written = textwrap.dedent("\n".join(lines[node.lineno - 1 : node.body[0].lineno - 1]))
    return marks + re.sub(r":(\s*#.*)?\s*$", "", written.removeprefix("def "))


def _code(text: str) -> str:
    return f'<div class="signature">{content.highlighted(text)}</div>'


def _docstring(node: Definition | ast.Module) -> str:
    """Paragraphs with code where backticks are; indented lines as they are."""
    blocks = [block for block in re.split(r"\n\s*\n", ast.get_docstring(node) or "") if block.strip()]
    return "".join(
        f"<pre>{html.escape(block)}</pre>" if block.startswith("    ") else f"<p>{_inline(block)}</p>"
        for block in blocks
    )


def _inline(text: str) -> str:
    return CODE.sub(r"<code>\1</code>", html.escape(text, quote=False))
