"""Finishing a page's HTML: links, formulas, headings, contents, pictures that open large, tables, search entries."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator

import latex2mathml.converter
from bs4 import BeautifulSoup, Tag

HEADINGS = ("h1", "h2", "h3")
SCROLL = {"class": "scroll", "role": "group", "tabindex": "0", "aria-label": "Table"}
WIDE = 5  # columns in words; on a phone each row of such a table becomes a card
MOST_SECTIONS = 30
CELLS = ("td", "th")
FORMULA = re.compile(r"(\$\$?)([^$]+)\1")  # two dollars: on lines of its own
# The parentheses of a matrix as text, which browsers stretch only in a font made for mathematics: style.css draws them.
MATRIX = re.compile(r"<mo>&#x00028;</mo><mtable>(.*?)</mtable><mo>&#x00029;</mo>")
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
        if not image.find_parent("a"):
            image.wrap(soup.new_tag("a", attrs={"class": "zoom", "href": image["src"], "title": "Open large"}))
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
    drawn = latex2mathml.converter.convert(html.unescape(found[2]), display=how)
    drawn = MATRIX.sub(r'<mtable class="matrix">\1</mtable>', drawn)
    return f'<span class="formula {how}">{drawn}</span>'


def slug(text: str) -> str:
    """A heading's name in links, formed as on GitHub, so that links in the documents work in both places."""
    return re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")


def _number_headings(soup: BeautifulSoup) -> None:
    seen: dict[str, int] = {}
    for heading in soup.find_all([*HEADINGS, "h4", "h5", "h6"]):
        name = slug(heading.get_text())
        seen[name] = seen.get(name, -1) + 1
        heading["id"] = f"{name}-{seen[name]}" if seen[name] else name
        if heading.name != "h1":  # empty: the sign is drawn by style.css, so that no text search or contents has it
            link = {"class": "anchor", "href": f"#{heading['id']}", "aria-label": "Link to this section"}
            heading.append(soup.new_tag("a", attrs=link))


def contents(soup: BeautifulSoup) -> list[tuple[str, str, str]]:
    """The sections of a page: tag, id, text; empty where there are fewer than three. Sections of sections if few."""
    for levels in (("h2", "h3"), ("h2",)):
        found = [(tag.name, tag["id"], tag.get_text().strip()) for tag in soup.find_all(levels)]
        if len(found) <= MOST_SECTIONS:
            break
    return found if len(found) > 2 else []


def summary(soup: BeautifulSoup) -> str:
    """The first paragraph that says something, cut to what a preview shows; empty if there is none."""
    texts = (_plain([tag.get_text()]) for tag in soup.find_all("p"))
    text = next((text for text in texts if len(text) > 40), "")
    return text if len(text) <= 200 else text[:200].rpartition(" ")[0] + " …"


def _let_scroll(soup: BeautifulSoup, block: Tag) -> None:
    """Let wide tables and code scroll sideways inside the page, also by keyboard; rows that can become cards."""
    if block.name == "pre":
        block["tabindex"] = "0"
        return
    block.attrs.pop("border", None)
    heads = [cell.get_text() for cell in block.tr.find_all("th")] if block.tr else []
    if len(heads) >= WIDE and not block.get("class"):
        block["class"] = ["wide"]
        for row in block.tbody.find_all("tr") if block.tbody else []:
            _as_card(row, heads)
    block.wrap(soup.new_tag("div", attrs=SCROLL))


def _as_card(row: Tag, heads: list[str]) -> None:
    """Name each cell after its column; a row whose first cell alone has text is the heading of those below."""
    first, *others = row.find_all(CELLS)
    if not any(cell.get_text().strip() for cell in others):
        row["class"] = ["section"]
    for cell, head in zip(others, heads[1:], strict=False):
        cell["data-label"] = head


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
