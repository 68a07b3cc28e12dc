"""The site's pages as HTML, made from the files of the repository; links are still those of the repository."""

from __future__ import annotations

import ast
import html
import re
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import citation
import jinja2
import nbformat
import pandas as pd
import practice
import words
from markup import SCROLL
from nbconvert import TemplateExporter
from nbconvert.filters import Highlight2HTML, markdown2html
from nbconvert.preprocessors import ExtractOutputPreprocessor

from dfdlib.core import paths
from dfdlib.evaluation import claims, results

TEMPLATES = Path(__file__).resolve().parent / "templates"
DOCUMENTS = ("*.md", "docs/*.md", "data/README.md", "studies/*.md", "benchmarks/*.md", "dfdlib/assets/**/*.md")
DOCUMENTS += ("notebooks/**/*.md",)
DOCUMENT_GROUPS = {"notebooks/exercises/README.md": "Exercises"}
PAPERMILL = re.compile(r"^# papermill_description=.*\n", re.MULTILINE)
MOST_ROWS = 400  # of a table on its page; the file has all
MOST_COLUMNS = 40  # a table of more is too wide for a page, which then has the file alone
SYNTHETIC = (
    "Outputs on this page are from the embedded study: rendered faces, so its numbers are <strong>synthetic</strong>. "
    "Numbers measured on UADFV, CelebA, LFW, Set5 or real videos are real."
)
FIRST = (  # the same of notebook 00, of most of which that is not true
    "The numbers under <em>This run</em> are from the embedded study: rendered faces, so they are "
    "<strong>synthetic</strong>. All others are from UADFV or publications, and real unless a line says synthetic."
)


@dataclass(frozen=True)
class Page:
    """One page of the site."""

    url: str  # relative to the site's root
    source: str  # the file or folder shown, relative to the repository's root; links in the page start from it
    title: str
    body: str  # HTML
    group: str = ""  # in the navigation; empty: not listed there
    note: str = ""  # HTML above the body, not searched
    tail: str = ""  # HTML below the body, without links, not searched
    files: dict[str, bytes] = field(default_factory=dict)  # files of this page only, by address
    short: str = ""  # its name in the navigation, if not the title
    scripts: tuple[str, ...] = ()  # of the site's own, for this page only

    @property
    def label(self) -> str:
        """The page's name in the navigation; for a notebook, the title without its question."""
        named = {"index.html": "The claims", "README.html": "The study in full (README)"}
        named |= {"notebooks/exercises/README.html": "All by topic"}
        without = self.title.partition(":")[0] if self.source.endswith(".ipynb") else self.title
        return self.short or named.get(self.url) or without


def template(name: str) -> jinja2.Template:
    loader = jinja2.FileSystemLoader(TEMPLATES)
    undefined = jinja2.StrictUndefined
    return jinja2.Environment(loader=loader, undefined=undefined, trim_blocks=True).get_template(name)


def from_markdown(text: str) -> str:
    """Markdown as HTML."""
    return markdown2html(text)


def highlighted(code: str, metadata: object = None) -> str:
    """Python code as HTML with its colours."""
    return Highlight2HTML(pygments_lexer="python")(code, metadata=metadata)


def title_of(text: str) -> str:
    return re.search(r"^# (.+)$", text, re.MULTILINE)[1].replace("`", "")


def front() -> Page:
    """The first page: what the study is, the claims on real data, where to go, the claims on synthetic data."""
    readme = (paths.root() / "README.md").read_text(encoding="utf-8")
    sentence = re.search(r"^# .+\n\n((?:.+\n)+)", readme)[1]
    text = template("front.md.j2").render(
        name=title_of(readme),
        sentence=sentence,
        claims=claims,
        bibtex=citation.bibtex(),
    )
    return Page("index.html", ".", title_of(readme), from_markdown(text))


def documents(here: Container[str] = ()) -> Iterator[Page]:
    """Every Markdown document of DOCUMENTS that exists; here: as in `practice.with_solutions`."""
    found = sorted({path for pattern in DOCUMENTS for path in paths.root().glob(pattern)})
    for path in found:
        name, text = str(path.relative_to(paths.root())), path.read_text(encoding="utf-8")
        group = "Benchmarks" if name.startswith("benchmarks/") else DOCUMENT_GROUPS.get(name, "Documents")
        body = from_markdown(words.readable(text) if group == "Benchmarks" else text)
        if name == "notebooks/exercises/README.md":
            body += f"<h2>All exercises by topic</h2>{practice.by_topic(here)}"
        yield Page(f"{name.removesuffix('.md')}.html", name, title_of(text), body, group)


def notebooks(here: Container[str] = ()) -> Iterator[Page]:
    """Every notebook with its stored outputs; pictures become files. here: as in `practice.with_solutions`."""
    # Not HTMLExporter, which parses each page again for changes that the template makes already.
    exporter = TemplateExporter(
        template_name="notebook", extra_template_basedirs=[str(TEMPLATES)], file_extension=".html"
    )
    exporter.register_filter("highlight_code", highlighted)
    exporter.register_preprocessor(ExtractOutputPreprocessor(), enabled=True)
    titles: dict[str, str] = {}  # of the notebooks by their number
    for path in sorted(paths.notebooks().rglob("*.ipynb")):
        if ".ipynb_checkpoints" in path.parts:
            continue
        source = path.relative_to(paths.root())
        answered = here if path.parent.name == "exercises" else ()
        notebook = described(practice.with_solutions(nbformat.read(path, as_version=4), path, answered))
        folder = f"{path.stem}_files"
        body, resources = exporter.from_notebook_node(
            notebook, resources={"unique_key": path.stem, "output_files_dir": folder}
        )
        files = {f"{source.parent}/{name}": data for name, data in resources["outputs"].items()}
        group = "Notebooks" if path.parent == paths.notebooks() else path.parent.name.capitalize()
        raw = f'<a href="{path.name}" data-raw="">Download this notebook.</a>'
        title = "Solutions to " * (group == "Solutions") + title_of(notebook.cells[0].source)
        banner = FIRST if path.stem == "00_start_here" else SYNTHETIC
        note = f"{banner} {raw}" if any(cell.get("outputs") for cell in notebook.cells) else raw
        short = titles[path.stem[2:4]] if group == "Exercises" else ""
        titles[path.stem[:2]] = title.partition(":")[0]
        scripts = ("here.js",) if any("here" in cell.metadata for cell in notebook.cells) else ()
        about = {"files": files, "short": short, "scripts": scripts}
        yield Page(str(source.with_suffix(".html")), str(source), title, body, group, note, **about)


def described(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The notebook as a reader wants it: without papermill's comments, printed ids in words.

    Each figure's caption, which is in the cell below it, becomes the figure's alternative text.
    """
    for cell in (cell for cell in notebook.cells if cell.cell_type == "code"):
        cell.source = PAPERMILL.sub("", cell.source)
        for output in cell.outputs:
            if output.output_type == "stream":
                output.text = words.readable(output.text)
    for cell, below in zip(notebook.cells, notebook.cells[1:], strict=False):
        caption = re.match(r"\*\*Figure \d+\.\*\*.*", below.source, re.DOTALL)
        if cell.cell_type == "code" and caption:
            cell.metadata["alt"] = _words(caption[0].partition("\n\n")[0])
    return notebook


def _words(markdown: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", html.unescape(from_markdown(markdown)))).strip()


def captions() -> dict[int, str]:
    """The caption in Markdown of every figure by its number, from the notebook that draws it (00 shows others')."""
    found: dict[int, str] = {}
    every = sorted(paths.notebooks().glob("*.ipynb"), key=lambda path: (path.stem.startswith("00"), path.stem))
    for cell in (cell for path in every for cell in nbformat.read(path, as_version=4).cells):
        caption = re.match(r"\*\*Figure (\d+)\.\*\* ?(.*?)(\n\n|$)", cell.source, re.DOTALL)
        if caption:
            found.setdefault(int(caption[1]), caption[2])
    return found


def figures() -> Page:
    """All figures of the index figures/README.md, with their captions and links to their numbers."""
    index = (paths.root() / "figures" / "README.md").read_text(encoding="utf-8")
    said, parts = captions(), [from_markdown(index.partition("\n|")[0])]
    for line in re.findall(r"^\| `(fig.*)\|$", index, re.MULTILINE):
        name, shows, paper, made = (part.strip(" `") for part in line.split("|"))
        number = int(re.search(r"\d+", name)[0])
        mark = "" if re.search("UADFV|real (photographs|data)|synthetic", shows) else " (synthetic)"
        text = from_markdown(said.get(number, ""))
        source = html.escape(f"{f'Paper {paper}; ' if paper else ''}{made}")
        parts.append(
            f"<figure><h2>Figure {number}: {from_markdown(shows + mark).strip()[3:-4]}</h2>"
            f'<img src="{name}.png" alt="{html.escape(_words(shows))}{mark}">'
            f'<figcaption>{text}<p>{source}. <a href="{name}.csv">Its numbers (CSV)</a></p></figcaption></figure>'
        )
    return Page("figures/index.html", "figures/README.md", "Figures", "".join(parts), "The study")


def tables() -> Iterator[Page]:
    """Every table in results/ on a separate page, and a page that lists them with every number of each study."""
    parts = ["<h1>Tables</h1>"]
    for study in sorted((path.stem for path in paths.root().glob("results/*.json")), reverse=True):
        kind = results.GROUPS.get(study, study)
        files = sorted((paths.root() / "results").glob(f"*/{study}.csv"))
        for path in files:
            yield _table(path, kind)
        links = "".join(f'<li><a href="{p.parent.name}/{p.name}">{_spaced(p.parent.name)}</a></li>' for p in files)
        rows = pd.DataFrame(_number(row) for row in results.rows(study, committed=True))
        raw = f'<a href="{study}.json" data-raw="">{study}.json</a>'
        every = f"<h3>Every number, {kind}</h3><p>From {raw}.</p>{_html(rows, ' named')}"
        parts.append(f"<h2>{kind}</h2><ul>{links}</ul>{every}")
    yield Page("results/index.html", "results", "Tables", "".join(parts), "The study")


def _number(row: dict) -> dict[str, object]:
    """One row of results/*.json for reading; the file has the ids and every digit."""
    paper = "" if row["paper"] is None else f"{row['paper']:.4g}"
    counted = f"{row['n']} {row['unit']}" + (f" of {row['people']} people" if row.get("people") else "")
    return {
        "Number": words.of(row["id"]),
        "Verdict": row["verdict"],
        "This study": f"{row['value']:.4g}",
        "Paper": paper,
        "95 % interval": f"{row['low']:.4g} to {row['high']:.4g}",
        "Counted": counted,
    }


def _table(path: Path, kind: str) -> Page:
    source = str(path.relative_to(paths.root()))
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    few = f"The first {MOST_ROWS} of {len(table)} rows. " if len(table) > MOST_ROWS else ""
    few = f"{len(table)} rows of {table.shape[1]} columns. " if table.shape[1] > MOST_COLUMNS else few
    title = f"{_spaced(path.parent.name)}, {kind}"
    raw = f'<p>{few}<a href="{path.name}" data-raw="">The file itself (CSV)</a></p>'
    scroll = "".join(f' {name}="{value}"' for name, value in SCROLL.items())
    shown = f"<div{scroll}>{_html(table.head(MOST_ROWS))}</div>" if table.shape[1] <= MOST_COLUMNS else ""
    return Page(f"{source}.html", source, title, f"<h1>{title}</h1>{raw}", tail=shown)


def _spaced(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _html(table: pd.DataFrame, more: str = "") -> str:
    return table.to_html(index=False, border=0, na_rep="", classes=f"numbers{more}")


def file(source: str) -> Page:
    """A text file of the repository as it is."""
    path = paths.root() / source
    shown = f'<pre tabindex="0">{html.escape(path.read_text(encoding="utf-8"))}</pre>'
    head = f"<h1>{source}</h1><p>{html.escape(about(path))}</p>"
    return Page(f"{source}.html", source, source, head, tail=shown)


def about(path: Path) -> str:
    """The first line of a module's docstring; empty for any other file."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) if path.suffix == ".py" else None
    return (text or "").partition("\n")[0]


def folder(source: str) -> Page:
    """A folder's files, each with the first line of its docstring if it has one."""
    files = sorted(path for path in (paths.root() / source).iterdir() if path.is_file() and path.suffix != ".pyc")
    rows = "".join(f'<li><a href="{p.name}">{p.name}</a> {html.escape(about(p))}</li>' for p in files)
    return Page(f"{source}/index.html", source, source, f"<h1>{source}</h1><ul>{rows}</ul>")
