"""Finishing a page's HTML: links into the site, formulas, headings, tables that scroll, search entries."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator

import latex2mathml.converter
from bs4 import BeautifulSoup, Tag

HEADINGS = ("h1", "h2", "h3")
SCROLL = {"class": "scroll", "role": "group", "tabindex": "0", "aria-label": "Table"}
WIDE = 5  # columns; on a phone such a table needs room for its first column
FORMULA = re.compile(r"(\$\$?)([^$]+)\1")  # two dollars: on lines of its own
OUTSIDE = re.compile(r"[a-z]+:|//", re.IGNORECASE)  # https:, mailto:, data:
Resolve = Callable[[str, bool], str]  # a link in the repository, whether to the raw file -> the link in the site


def finished(body: str, resolve: Resolve) -> BeautifulSoup:
    """A page's body with links resolved, headings that can be linked to, and tables that scroll by themselves."""
    soup = BeautifulSoup(body, "html.parser")
    for tag in soup.select("a.anchor-link, style, script"):
        tag.decompose()
    _draw_formulas(soup)
    _number_headings(soup)
    for name, attribute in (("a", "href"), ("img", "src")):
        for tag in soup.find_all(name, {attribute: True}):
            if not OUTSIDE.match(tag[attribute]):
                tag[attribute] = resolve(tag[attribute], tag.attrs.pop("data-raw", None) is not None)
    for image in soup.find_all("img"):
        image["loading"] = "lazy"
    for block in soup.find_all(["table", "pre"]):
        _let_scroll(soup, block)
    return soup


def _draw_formulas(soup: BeautifulSoup) -> None:
    """LaTeX between dollars in the text as MathML, which browsers draw without a script."""
    for text in soup.find_all(string=FORMULA):
        if not text.find_parent(["code", "pre"]):
            drawn = FORMULA.sub(_formula, html.escape(text, quote=False))
            text.replace_with(BeautifulSoup(drawn, "html.parser"))


def _formula(found: re.Match) -> str:
    how = "block" if len(found[1]) == 2 else "inline"
    return f'<span class="formula {how}">{latex2mathml.converter.convert(html.unescape(found[2]), display=how)}</span>'


def slug(text: str) -> str:
    """A heading's name in links, formed as on GitHub, so that links in the documents work in both places."""
    return re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")


def _number_headings(soup: BeautifulSoup) -> None:
    seen: dict[str, int] = {}
    for heading in soup.find_all([*HEADINGS, "h4", "h5", "h6"]):
        name = slug(heading.get_text())
        seen[name] = seen.get(name, -1) + 1
        heading["id"] = f"{name}-{seen[name]}" if seen[name] else name


def _let_scroll(soup: BeautifulSoup, block: Tag) -> None:
    """Let wide tables and code scroll sideways inside the page, also by keyboard."""
    if block.name == "pre":
        block["tabindex"] = "0"
        return
    block.attrs.pop("border", None)
    if block.tr and len(block.tr.find_all("th")) >= WIDE:
        block["class"] = [*block.get("class", []), "wide"]
    block.wrap(soup.new_tag("div", attrs=SCROLL))


def entries(soup: BeautifulSoup, url: str, title: str) -> Iterator[tuple[str, str, str, str]]:
    """Search entries, one per section: address, page, heading, text."""
    address, heading, parts = url, title, []
    for node in _walk(soup):
        if isinstance(node, str):
            parts.append(node)
        else:
            if parts:
                yield address, title, heading, _plain(parts)
            address, heading, parts = f"{url}#{node['id']}", node.get_text().strip(), []
    yield address, title, heading, _plain(parts)


def _walk(tag: Tag) -> Iterator[Tag | str]:
    """Headings and the text between them, including the text of images."""
    for child in tag.children:
        if not isinstance(child, Tag):
            yield str(child)
        elif child.name in HEADINGS:
            yield child
        elif child.name == "img":
            yield child.get("alt", "")
        else:
            yield from _walk(child)


def _plain(parts: list[str]) -> str:
    return re.sub(r"\s+", " ", " ".join(parts)).strip()
