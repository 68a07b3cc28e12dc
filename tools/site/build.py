"""Build the static site: notebooks, figures, tables and documents as pages that need no network and no server.

    python tools/site/build.py [FOLDER [ADDRESS]]

The folder (build/site by default) is replaced. Nothing is run: the pages show the outputs stored in the notebooks.
ADDRESS, such as https://example.org/study/, is where the folder will be published; a sitemap and the pictures of social
previews need it.

Why not a library: Jupyter Book 2 and MyST run on Node, and their pages do not open without a server. Sphinx 9 with
myst-nb 1.4 was tried on these notebooks: pages and search work offline, but formulas stay LaTeX, since MathJax comes
from a network, and a search with a slip finds nothing. It would add 21 packages (68 MB) and know nothing of claims,
synthetic numbers, folded solutions and predictions, so most of what is here would stay.
"""

from __future__ import annotations

import html
import io
import json
import posixpath
import shutil
import sys
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # this checkout, not the installed one

import citation
import content
import lab
import markup
import practice
import reference
import running
from bs4 import BeautifulSoup
from content import Page
from PIL import Image

from dfdlib.core import errors, paths
from dfdlib.core.errors import DfdError

HERE = Path(__file__).resolve().parent
GROUPS = (  # of the menu; solutions are reached from the exercises
    "The study",
    "Notebooks",
    "Exercises",
    "Try it here",
    "Documents",
    "The library",
    "Benchmarks",
)
PROGRAMS = ("style.css", "theme.js", "script.js", "here.js")
PREVIEW = "figures/fig17_factorial_uadfv.png"  # the picture of social previews
INDEX = "search-index.js"
TEXTS = {"", ".py", ".md", ".yaml", ".yml", ".toml", ".cff", ".txt", ".cfg", ".sh"}  # shown as pages; others are copied


class Site:
    """Pages by address, the file of the repository that each shows, and the files to copy."""

    def __init__(self) -> None:
        self.pages: dict[str, Page] = {}
        self.shown = {"README.md": "README.html", "figures": "figures/index.html"}
        self.copied: dict[str, bytes] = {}
        self.waiting: list[Page] = []

    def add(self, page: Page) -> None:
        self.pages[page.url] = page
        self.shown.setdefault(page.source, page.url)
        self.copied |= page.files
        self.waiting.append(page)

    def bodies(self) -> dict[str, BeautifulSoup]:
        """The finished body of every page by its address, including pages added because others link to them."""
        done = {}
        while self.waiting:
            page = self.waiting.pop(0)
            done[page.url] = self.finished(page, page.body)
            for image in done[page.url].find_all("img"):
                self._size(image, page)
        return done

    def finished(self, page: Page, part: str) -> BeautifulSoup:
        """A part of a page's HTML with its links resolved."""
        return markup.finished(part, lambda link, raw: self.resolve(page, link, raw))

    def resolve(self, page: Page, link: str, raw: bool) -> str:
        """A link from a page's source to a file of the repository, as a link of the site; `raw`: to the file itself."""
        target, _, fragment = link.partition("#")
        if not target:
            return link
        base = page.source if (paths.root() / page.source).is_dir() else posixpath.dirname(page.source)
        source = posixpath.normpath(posixpath.join(base, target))
        known = source if source in self.copied else self.shown.get(source)
        url = self._copy(source) if raw else known or self._taken_in(page, source)
        relative = posixpath.relpath(url, posixpath.dirname(page.url) or ".")
        return f"{relative}#{fragment}" if fragment else relative

    def _taken_in(self, page: Page, source: str) -> str:
        """The address of a file or folder that no page shows yet: a new page for a text or a folder, else a copy."""
        path = (paths.root() / source).resolve()
        if not path.exists() or not path.is_relative_to(paths.root()):
            raise DfdError(f"{page.source} links to {source}, which is not in the repository; correct the link.")
        if path.is_file() and path.suffix not in TEXTS:
            return self._copy(source)
        self.add(content.folder(source) if path.is_dir() else content.file(source))
        return self.shown[source]

    def _copy(self, source: str) -> str:
        self.copied[source] = (paths.root() / source).read_bytes()
        return source

    def _size(self, image: dict, page: Page) -> None:
        """Set width and height, so that text does not move when the image loads."""
        data = self.copied[posixpath.normpath(posixpath.join(posixpath.dirname(page.url), image["src"]))]
        drawn = BeautifulSoup(data, "html.parser").svg if image["src"].endswith(".svg") else None
        size = (drawn["width"], drawn["height"]) if drawn else Image.open(io.BytesIO(data)).size
        image["width"], image["height"] = map(str, size)


def collected() -> Site:
    """The site with all its pages, before links are followed."""
    site, python = Site(), running.files(practice.predicted())
    site.copied |= python
    here = running.numbers(python)
    for page in chain(
        [content.front()],
        content.notebooks(here),
        content.documents(here),
        [content.figures()],
        content.tables(),
        lab.pages(),
        reference.pages(),
    ):
        site.add(page)
    return site


def navigation(pages: dict[str, Page]) -> list[tuple[str, list[Page]]]:
    """The pages of each group, its README first; groups without pages are left out."""
    in_order = sorted(pages.values(), key=lambda page: not page.source.endswith("README.md"))
    found = {group: [page for page in in_order if page.group == group] for group in GROUPS}
    found["The study"].insert(0, pages["index.html"])
    return [(group, entries) for group, entries in found.items() if entries]


def write(out: Path, address: str = "") -> list[str]:
    """Write the site into the folder `out` and return its pages' addresses. DfdError if `out` has other content."""
    _refuse(out)
    site = collected()
    bodies = site.bodies()
    for name in PROGRAMS:
        site.copied[name] = (HERE / name).read_bytes()
    menu, index = navigation(site.pages), []
    for url, body in bodies.items():
        index += markup.entries(body, url, site.pages[url].title)
        site.copied[url] = _whole(site, site.pages[url], body, menu, address, "../" * url.count("/"))
    lost = Page("404.html", ".", "No such page", "<h1>No such page</h1><p>Search for it, or use the menu.</p>")
    root = urlsplit(address).path  # this page is shown in place of any other, however deep
    site.copied[lost.url] = _whole(site, lost, site.finished(lost, lost.body), menu, address, root)
    if address:
        site.copied["sitemap.xml"] = _sitemap(bodies, address)
    site.copied[INDEX] = f"window.SEARCH_INDEX = {json.dumps(index, ensure_ascii=False)};\n".encode()
    shutil.rmtree(out, ignore_errors=True)
    for url, data in site.copied.items():
        (out / url).parent.mkdir(parents=True, exist_ok=True)
        (out / url).write_bytes(data)
    return list(bodies)


def _whole(site: Site, page: Page, body: BeautifulSoup, menu: list, address: str, root: str) -> bytes:
    """One page as a file: the template around its body."""
    in_order = [other for _, entries in menu for other in entries]
    text = content.template("page.html.j2").render(
        page=page,
        note=str(site.finished(page, page.note)),
        body=str(body),
        contents=markup.contents(body),
        root=root,
        name=site.pages["index.html"].title,
        description=markup.summary(body) or f"{page.title}: a page of a study of a deepfake-detection paper.",
        preview=(address or root) + PREVIEW,
        about=citation.about(),
        navigation=menu,
        **_beside(page, in_order),
    )
    return text.encode()


def _sitemap(urls: Iterable[str], address: str) -> bytes:
    """Every page at its published address, for search engines."""
    places = "".join(f"<url><loc>{html.escape(address + url)}</loc></url>\n" for url in urls)
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
    return f"{head}{places}</urlset>\n".encode()


def _beside(page: Page, in_order: list[Page]) -> dict[str, Page | None]:
    """The pages before and after in the same group."""
    near = [other for other in in_order if other.group == page.group and page.group not in ("", "The study")]
    at = near.index(page) if page in near else -1
    return {"before": near[at - 1] if at > 0 else None, "after": near[at + 1] if 0 <= at < len(near) - 1 else None}


def _refuse(out: Path) -> None:
    """DfdError if `out` is anything but an older site or an empty folder, since it will be deleted."""
    if out.is_file():
        raise DfdError(f"{out} is a file; name a folder for the site.")
    if out.exists() and any(out.iterdir()) and not (out / INDEX).is_file():
        raise DfdError(f"{out} contains something other than a site of this study; name another folder, or empty it.")


def main() -> None:
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else paths.build() / "site"
    address = sys.argv[2].rstrip("/") + "/" if len(sys.argv) > 2 else ""
    if address and not address.startswith(("https://", "http://")):
        raise DfdError(f"{sys.argv[2]} is no address of a site; write it whole, such as https://example.org/study/.")
    pages = write(out, address)
    print(f"{len(pages)} pages. Open {out / 'index.html'} in a browser; no server and no network are needed.")


if __name__ == "__main__":
    errors.or_sentence(main)
