"""The site as files: every link leads somewhere, nothing comes from a network, numbers are those of results/."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import re
import tomllib
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

import cv2
import nbformat
import numpy as np
import pytest
import scipy.stats
import torch
import yaml
from bs4 import BeautifulSoup, Tag
from scipy.spatial.distance import cosine
from sklearn.metrics import roc_auc_score

from dfdlib.command import answers
from dfdlib.core import errors, paths
from dfdlib.core.errors import DfdError
from dfdlib.evaluation import claims, intervals
from dfdlib.resnet import architectures
from tests import pages
from tests.pages import build
from tests.test_launch import LAUNCH

content, practice, words = build.content, build.content.practice, build.content.words
formulas, reference = build.lab.formulas, build.reference


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pages.site(tmp_path_factory)


@pytest.fixture(scope="module")
def soups(folder: Path) -> dict[str, BeautifulSoup]:
    """Every page by its address."""
    return {url: BeautifulSoup((folder / url).read_text(), "html.parser") for url in pages.addresses(folder)}


@pytest.fixture(scope="module")
def index(folder: Path) -> list[list[str]]:
    """The search index's entries: address, page, heading, text."""
    return json.loads((folder / "search-index.js").read_text().removeprefix("window.SEARCH_INDEX = ").rstrip(";\n"))


def _links(soups: dict[str, BeautifulSoup]) -> list[tuple[str, str]]:
    """Every address that a page links to or loads, with that page's."""
    tags = [(url, tag) for url, soup in soups.items() for tag in soup.find_all(["a", "img", "script", "link"])]
    return [(url, tag.get("href") or tag.get("src")) for url, tag in tags if tag.get("href") or tag.get("src")]


def _rows(table: Tag) -> list[tuple[str, ...]]:
    return [tuple(cell.get_text() for cell in row.find_all("td")) for row in table.tbody.find_all("tr")]


def test_every_link_leads_to_a_file_and_a_heading(folder: Path, soups: dict[str, BeautifulSoup]) -> None:
    ids = {url: {tag["id"] for tag in soup.find_all(id=True)} for url, soup in soups.items()}
    inside = [(url, urlsplit(link)) for url, link in _links(soups) if not urlsplit(link).scheme]
    assert len(inside) > 1000
    for url, link in inside:
        target = (folder / url).parent / unquote(link.path) if link.path else folder / url
        assert target.is_file(), f"{url} links to {link.path}"
        if link.fragment:
            address = str(target.resolve().relative_to(folder.resolve()))
            assert link.fragment in ids[address], f"{url} links to {address}#{link.fragment}"


def test_nothing_comes_from_a_network(folder: Path, soups: dict[str, BeautifulSoup]) -> None:
    loading = ["script", "link", "img", "iframe", "source", "video", "audio", "object", "embed"]
    tags = [tag for soup in soups.values() for tag in soup.find_all(loading)]
    assert len(tags) > 300
    for tag in tags:
        address = tag.get("src") or tag.get("href") or tag.get("data") or ""
        assert urlsplit(address).scheme in ("", "data") and not address.startswith("//"), tag
    assert not re.search(r"url\(|@import|https?:", (folder / "style.css").read_text())
    programs = [*folder.glob("*.js"), *folder.glob("try/*.js")]
    assert len(programs) == 8
    for path in set(programs) - {folder / "search-index.js"}:
        text = path.read_text().replace("http://www.w3.org/2000/svg", "the name of SVG")
        assert not re.search(r"fetch\(|XMLHttpRequest|https?:|innerHTML|eval\(|Function\(", text), path.name
    assert not [url for url, soup in soups.items() if soup.find("script", src=False)], "no script inside a page"
    for path in (folder / "try" / "python").glob("*"):
        assert re.fullmatch(r'window\.HERE\["[\w.-]+"\] = "[A-Za-z0-9+/]+=*";\n', path.read_text()), "data alone"


def test_the_claims_come_first_and_are_those_of_the_results(soups: dict[str, BeautifulSoup]) -> None:
    main = soups["index.html"].main
    real, synthetic = main.find_all("table")
    before = [
        tag.name for tag in real.find_all_previous() if main in tag.parents and tag.name not in ("em", "thead", "a")
    ]
    assert sorted(set(before)) == ["div", "h1", "h2", "p"], "a title and a sentence"
    for study, table in (("uadfv", real), ("embedded", synthetic)):
        assert _rows(table) == next(iter(claims.sections(study, committed=True).values()))
        assert {row[1] for row in _rows(table)} >= {"94.9 %", "50.1 %"}
    assert "paper's data" in real.find_previous("h2").get_text()
    assert "(synthetic)" in synthetic.find_previous("h2").get_text()
    assert synthetic.find_previous("p").strong.get_text() == "synthetic"


def test_the_front_page_has_its_doors_and_a_picture(soups: dict[str, BeautifulSoup]) -> None:
    main = soups["index.html"].main
    doors = {item.strong.get_text(): item.a["href"] for item in main.ul.find_all("li")}
    assert list(doors) == ["Read", "Run", "Try", "Teach", "Detect", "Cite"]
    short = {a.get_text(): a["href"] for p in main.h2.find_previous_siblings("p") for a in p.find_all("a")}
    assert short["where to go"] == "#where-to-go", "the table before the doors is long"
    assert short["What came out, in two minutes"] == "notebooks/00_start_here.html#what-came-out-in-two-minutes"
    assert doors["Run"] == "README.html#run-it" and doors["Cite"] == "#cite"
    assert len(main.find_all("img")) == 1


def test_every_page_can_be_found(soups: dict[str, BeautifulSoup], index: list[list[str]]) -> None:
    assert {url.partition("#")[0] for url, *_ in index} == set(soups) - {"404.html"}
    ids = {f"{url}#{tag['id']}" for url, soup in soups.items() for tag in soup.find_all(id=True)}
    assert not [url for url, *_ in index if "#" in url and url not in ids]
    text = {url: words for url, _, _, words in index}
    assert "50.1 %" in text["index.html#the-papers-claims-on-the-papers-data"]
    assert "landmarks" in text["notebooks/04_head_pose.html#what-goes-in"]


def test_a_second_site_has_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "search-index.js").write_text("an older site")
    (tmp_path / "gone.html").write_text("a page of it")
    build.write(tmp_path)
    first, second = (
        {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        for root in (folder, tmp_path)
    )
    assert first == second


@pytest.mark.parametrize(
    "path", sorted(paths.notebooks().rglob("*.ipynb")), ids=lambda path: f"{path.parent.name}-{path.stem}"
)
def test_a_notebook_is_there_with_code_outputs_and_pictures(soups: dict[str, BeautifulSoup], path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    soup = soups[str(path.relative_to(paths.root()).with_suffix(".html"))]
    code = [
        re.sub("^# papermill_.*\n", "", cell.source, flags=re.M) for cell in notebook.cells if cell.cell_type == "code"
    ]
    assert [block.get_text().rstrip("\n") for block in soup.select(".code pre")] == code
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(soup.main.find_all("img")) >= len(pictures)
    texts = [block.get_text().strip() for block in soup.select("pre.output")]
    for output in outputs:
        assert output.output_type != "stream" or words.readable(output.text).strip() in texts
    assert bool(outputs) == ("synthetic" in (soup.select_one(".note") or soup.h1).get_text()), "said above all outputs"


def test_pictures_can_be_read_aloud_and_have_a_size(soups: dict[str, BeautifulSoup]) -> None:
    pictures = [image for soup in soups.values() for image in soup.find_all("img")]
    assert len(pictures) > 60
    assert not [image for image in pictures if not image["alt"].strip() or int(image["width"]) < 10]
    own = [image["alt"] for image in soups["notebooks/04_head_pose.html"].find_all("img")]
    assert own[0].startswith("Figure ") and len(own[0]) > 100, "the caption"


def test_every_figure_has_its_caption_and_its_numbers(soups: dict[str, BeautifulSoup]) -> None:
    figures = soups["figures/index.html"].find_all("figure")
    shown = {figure.img["src"]: figure.find("a", string=re.compile("numbers"))["href"] for figure in figures}
    assert shown == {f"{path.stem}.png": f"{path.stem}.csv" for path in (paths.root() / "figures").glob("fig*.png")}
    for figure in figures:
        assert len(figure.figcaption.get_text()) > 60, figure.img["src"]
        assert re.search("synthetic|UADFV|real photographs", figure.h2.get_text()), "what its data are"


def test_embedded_tables_say_that_they_are_synthetic(soups: dict[str, BeautifulSoup]) -> None:
    tables = {url: soup.h1.get_text() for url, soup in soups.items() if url.endswith("embedded.csv.html")}
    assert len(tables) > 5 and all("(synthetic)" in title for title in tables.values())
    assert {heading.get_text() for heading in soups["results/index.html"].find_all("h2")} == {
        "UADFV",
        "embedded (synthetic)",
    }


def test_pages_are_in_english_with_headings_in_order(soups: dict[str, BeautifulSoup]) -> None:
    for url, soup in soups.items():
        assert soup.html["lang"] == "en" and soup.title.get_text().strip(), url
        levels = [int(tag.name[1]) for tag in soup.find_all(re.compile("^h[1-6]$"))]
        assert levels[0] == 1 and levels.count(1) == 1, url
        assert all(deeper <= level + 1 for level, deeper in zip(levels, levels[1:], strict=False)), url
        assert len({tag["id"] for tag in soup.find_all(id=True)}) == len(soup.find_all(id=True)), f"{url}: ids differ"
    titles = [soup.title.get_text() for soup in soups.values()]
    assert len(set(titles)) == len(titles)


def test_the_menu_lists_the_page_that_is_open(soups: dict[str, BeautifulSoup]) -> None:
    listed = {a.get_text() for a in soups["index.html"].nav.find_all("a")}
    assert {"The claims", "Figures", "Tables", "04 Head pose", "Contributing"} <= listed
    current = soups["notebooks/04_head_pose.html"].nav.find_all(attrs={"aria-current": "page"})
    assert [tag.get_text() for tag in current] == ["04 Head pose"]
    beside = soups["notebooks/04_head_pose.html"].select_one(".beside")
    assert [a["href"] for a in beside.find_all("a")] == [
        "../notebooks/03_resnet_finetuning.html",
        "../notebooks/05_combined_evaluation.html",
    ]


def test_no_page_names_this_machine(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.suffix in (".html", ".js", ".css", ".ipynb"):
            assert str(paths.root()) not in path.read_text(), path.name


def test_a_dead_link_stops_the_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = content.Page("x.html", "studies/x.md", "X", '<h1>X</h1><a href="../nowhere.md">gone</a>')
    monkeypatch.setattr(build.content, "documents", lambda _: iter([page]))
    monkeypatch.setattr(build.content, "notebooks", lambda _: iter([]))
    monkeypatch.setattr(build.running, "files", lambda _: {})
    with pytest.raises(DfdError, match=r"studies/x.md links to nowhere.md, which is not in the repository"):
        build.write(tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_a_link_out_of_the_repository_is_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    page = content.Page("x.html", "x.md", "X", "")
    with pytest.raises(DfdError, match="not in the repository"):
        build.Site().resolve(page, "../../etc/passwd", False)


def test_what_is_no_site_is_not_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "thesis.txt").write_text("three years")
    monkeypatch.setattr("sys.argv", ["build.py", str(tmp_path)])
    with pytest.raises(SystemExit) as stop:
        errors.or_sentence(build.main)
    assert stop.value.code == 2
    assert "contains something other than a site" in capsys.readouterr().err
    assert (tmp_path / "thesis.txt").read_text() == "three years"


def test_formulas_are_drawn_without_a_script(soups: dict[str, BeautifulSoup]) -> None:
    page = soups["notebooks/exercises/ex04_head_pose.html"]
    rodrigues = next(found for found in page.find_all("math") if "sin" in found.get_text())
    assert rodrigues.get_text().startswith("R=I+sin") and rodrigues.find("msup")
    for url, soup in soups.items():
        texts = soup.find_all(string=re.compile(r"\$.*\$", re.DOTALL))
        left = [text for text in texts if not text.find_parent(["code", "pre"])]
        assert not left, url


def test_a_formula_between_two_dollars_gets_lines_of_its_own(soups: dict[str, BeautifulSoup]) -> None:
    for number in range(1, 8):
        url = next(url for url in soups if url.startswith(f"notebooks/0{number}_"))
        drawn = soups[url].select(".formula.block math")
        assert drawn and all(formula["display"] == "block" for formula in drawn), url
        for formula in soups[url].select(".formula"):
            assert "$" not in f"{formula.previous_sibling or ''}"[-1:] + f"{formula.next_sibling or ''}"[:1], url


def test_a_matrix_has_parentheses_of_its_height(soups: dict[str, BeautifulSoup]) -> None:
    found = soups["notebooks/04_head_pose.html"].select(".formula mtable.matrix")
    assert len(found) >= 2
    assert not [table for table in found if "(" in (table.previous_sibling.get_text(), table.next_sibling.get_text())]


def test_the_sections_of_a_page_are_listed_and_can_be_linked(soups: dict[str, BeautifulSoup]) -> None:
    for url in ("notebooks/04_head_pose.html", "README.html"):
        soup = soups[url]
        sections = [tag["id"] for tag in soup.main.find_all(re.compile("^h[2-6]$"))]
        assert [tag.find("a", class_="anchor")["href"] for tag in soup.main.find_all(re.compile("^h[2-6]$"))] == [
            f"#{name}" for name in sections
        ]
        for box in (soup.nav.select_one(".contents"), soup.select_one("details.contents")):
            listed = [a["href"].removeprefix("#") for a in box.find_all("a")]
            assert len(listed) > 9 and set(listed) <= set(sections), url
    assert not soups["ETHICS.html"].main.h2 or soups["ETHICS.html"].nav.select_one(".contents")


def test_no_internal_name_is_printed(soups: dict[str, BeautifulSoup]) -> None:
    keys = re.compile(r"\b[a-z_]+\.(?:[a-z_0-9]+\.)*(?:frame|video)_(?:acc|auc|eer|ap|ece|brier)")
    for url in [url for url in soups if url.startswith(("notebooks/", "benchmarks/", "index", "results/index"))]:
        texts = [block.get_text() for block in soups[url].select(".output, table, main > p, main > ul")]
        assert not [text for text in texts if keys.search(text)], url
    assert "papermill" not in "".join(block.get_text() for soup in soups.values() for block in soup.select(".code"))
    tables = [block.get_text() for block in soups["notebooks/03_resnet_finetuning.html"].select("table")]
    assert any("calibration error of frames" in text for text in tables)


def test_a_column_of_ids_stays_a_column() -> None:
    said = words.readable("headpose.yang.frame_acc    0.6 x\nheadpose.paper.video_auc    0.7 y\n").splitlines()
    assert said[0].index("0.6") == said[1].index("0.7") and said[0].startswith("head pose, as in Yang")
    assert words.readable("see headpose.yang.frame_auc now") == "see head pose, as in Yang et al., AUC of frames now"
    assert words.readable("my.headpose.yang.frame_auc_x") == "my.headpose.yang.frame_auc_x"
    assert words.of("fsrcnn.x2.faces_psnr_gain") == "FSRCNN, x2, gain in PSNR (faces)"


def test_preparations_are_folded_and_other_code_is_open(soups: dict[str, BeautifulSoup]) -> None:
    for url in ("notebooks/04_head_pose.html", "notebooks/exercises/ex01_preprocessing.html"):
        path = paths.root() / Path(url).with_suffix(".ipynb")
        cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
        plumbing = {"parameters", "hide-input", "check"}
        shown = soups[url].select("details.code")
        answered = [cell.find_next_sibling().get("class") == ["here"] for cell in shown]  # the editor has the code
        folded = [bool(plumbing & set(cell.metadata.get("tags", []))) for cell in cells]
        wanted = [one or other for one, other in zip(folded, answered, strict=True)]
        assert [not cell.has_attr("open") for cell in shown] == wanted and any(folded)


def test_exercises_have_their_solutions_folded_beneath(soups: dict[str, BeautifulSoup]) -> None:
    for path in sorted((paths.notebooks() / "exercises").glob("ex*.ipynb")):
        soup = soups[f"notebooks/exercises/{path.stem}.html"]
        solutions = soup.select("details.solution")
        cells = nbformat.read(path, as_version=4).cells
        assert len(solutions) == len([cell for cell in cells if "exercise" in cell.metadata.get("tags", [])]) > 3
        for solution in solutions:
            assert not solution.has_attr("open") and "SOLUTION" not in solution.get_text()
            assert "NotImplementedError" in solution.find_previous("details", class_="code").get_text()
            assert "NotImplementedError" not in solution.get_text()


def test_a_prediction_can_be_made_on_the_page(soups: dict[str, BeautifulSoup]) -> None:
    forms = [form for url, soup in soups.items() if "/exercises/" in url for form in soup.select("form.predict")]
    assert len(forms) >= 6
    for form in forms:
        because, options = json.loads(form["data-because"]), [box["value"] for box in form.find_all("input")]
        assert form["data-answer"] in options and set(options) == set(because) and len(options) > 2
        assert because[form["data-answer"]] != "this is what was measured.", "the check's own words"
    rows = soups["notebooks/exercises/README.html"].main.find_all("tr")
    assert len([row for row in rows if "a prediction" in row.get_text()]) == len(forms)


def test_all_exercises_are_listed_by_topic(soups: dict[str, BeautifulSoup]) -> None:
    rows = soups["notebooks/exercises/README.html"].main.find_all("table")[-1].tbody.find_all("tr")
    assert len(rows) == sum(len(part.exercises) for part in answers.parts()) >= 28
    typed = {row.a.get_text()[:4]: row.find_all("a")[-1]["href"] for row in rows if "its formula" in row.get_text()}
    assert set(typed) == {task.exercise for task in formulas.tasks()}
    assert typed["02.3"] == "../../try/formulas.html#023-psnr"
    back = [a["href"] for a in soups["try/formulas.html"].main.find_all("a", string="The exercise")]
    assert len(back) == len(typed) and all(link.startswith("../notebooks/exercises/ex0") for link in back)
    assert {row.find_all("td")[1].get_text() for row in rows} >= {"FSRCNN", "Head pose", "Generalisation"}
    menu = [a.get_text() for a in soups["index.html"].nav.find_all("a")]
    assert menu.index("All by topic") + 1 == menu.index("01 Preprocessing", menu.index("All by topic"))
    assert not [name for name in menu if name.startswith("Solutions to")], "kept apart"


def test_the_citation_is_that_of_the_file(soups: dict[str, BeautifulSoup]) -> None:
    shown = soups["index.html"].find(id="cite").find_next("pre").get_text().strip()
    assert shown == build.citation.bibtex()
    about = yaml.safe_load((paths.root() / "CITATION.cff").read_text())
    paper = about["preferred-citation"]
    for author in paper["authors"]:
        assert f"{author['family-names']}, {author['given-names']}" in shown
    assert f"title = {{{{{paper['title']}}}}}" in shown and "@inproceedings{ivanov2020," in shown
    assert "pages = {326--328}" in shown and f"@misc{{study{about['date-released'].year}," in shown
    assert shown.count("{") == shown.count("}")


def test_pages_say_version_and_date(soups: dict[str, BeautifulSoup]) -> None:
    version = tomllib.loads((paths.root() / "pyproject.toml").read_text())["project"]["version"]
    for url, soup in soups.items():
        assert f"Version {version} of 20" in soup.footer.get_text(), url


def test_links_can_be_previewed(soups: dict[str, BeautifulSoup], folder: Path) -> None:
    for url, soup in soups.items():
        said = {tag["property"]: tag["content"] for tag in soup.find_all("meta", property=True)}
        assert said["og:title"] and 30 < len(said["og:description"]) < 230, url
        assert ((folder / url).parent / said["og:image"]).is_file(), url
    descriptions = {soup.find("meta", attrs={"name": "description"})["content"] for soup in soups.values()}
    assert len(descriptions) > len(soups) / 3


def test_a_published_address_gives_a_sitemap_and_whole_addresses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(content, "notebooks", lambda _: iter([]))  # to be quick; links to them lead to copies
    monkeypatch.setattr(build.running, "files", lambda _: {})
    out, address, repository = tmp_path / "site", "https://example.org/study/", "https://github.com/someone/study"
    about = build.citation.about()
    monkeypatch.setattr(build.citation, "about", lambda: about | {"repository-code": repository})
    written = content.from_markdown
    monkeypatch.setattr(content, "from_markdown", lambda text: written(LAUNCH.filled(text, repository)))
    urls = build.write(out, address)
    tree = ElementTree.fromstring((out / "sitemap.xml").read_text())  # noqa: S314, our own file
    assert [place.text for place in tree.iter("{http://www.sitemaps.org/schemas/sitemap/0.9}loc")] == [
        address + url for url in urls
    ]
    lost = BeautifulSoup((out / "404.html").read_text(), "html.parser")
    inside = [tag.get("href") or tag.get("src") for tag in lost.find_all(["link", "script", "a"])]
    whole = ("/study/", "data:", "#", repository)
    assert all(link.startswith(whole) for link in inside), "shown in place of any page"
    readme, elsewhere, front = (
        (out / name).read_text() for name in ("README.html", "docs/elsewhere.html", "index.html")
    )
    assert f'og:image" content="{address}figures/' in readme
    assert f'href="{LAUNCH.binder(repository)}"' in readme and (out / "docs" / "binder.svg").is_file()
    assert BeautifulSoup(readme, "html.parser").find("img", src="docs/binder.svg")["width"] == "112"
    assert f"git clone {repository} study" in BeautifulSoup(elsewhere, "html.parser").get_text()
    assert f'<a href="{repository}">Repository</a>' in front
    assert f"url = {{{repository}}}" in BeautifulSoup(front, "html.parser").get_text()


def test_the_reference_has_every_public_function(soups: dict[str, BeautifulSoup]) -> None:
    for package in ("core", "headpose", "evaluation", "faces"):
        soup = soups[f"reference/{package}.html"]
        listed = {tag.get_text() for tag in soup.main.find_all("h3")}
        for path in (paths.root() / "dfdlib" / package).glob("[!_]*.py"):
            module = importlib.import_module(f"dfdlib.{package}.{path.stem}")
            own = {name for name, value in vars(module).items() if _defined_in(module, name, value)}
            assert own <= listed, path.stem
            assert f"{package}.{path.stem}" in {tag.get_text() for tag in soup.main.find_all("h2")}
    solve = soups["reference/headpose.html"].find(id="solve")
    signature = solve.find_next("pre").get_text()
    assert "camera: np.ndarray" in signature and signature.rstrip().endswith("-> Poses")
    assert "(T, 68, 2) pixels" in solve.find_next("p").get_text() + solve.find_next("p").find_next("p").get_text()
    fields = soups["reference/headpose.html"].find(id="poses").find_next("pre").get_text()
    assert "rvec: np.ndarray  # (T, 3) Rodrigues vectors, radians" in fields


def _defined_in(module: ModuleType, name: str, value: object) -> bool:
    made = inspect.isfunction(value) or inspect.isclass(value)
    return made and not name.startswith("_") and value.__module__ == module.__name__ and value.__name__ == name


def test_the_reference_is_in_the_menu_and_lists_all_modules(soups: dict[str, BeautifulSoup]) -> None:
    assert {"Reference", "headpose", "core"} <= {a.get_text() for a in soups["index.html"].nav.find_all("a")}
    rows = soups["reference/index.html"].main.table.tbody.find_all("tr")
    modules = [path for path in (paths.root() / "dfdlib").glob("*/*.py") if path.stem != "__init__"]
    assert len(rows) == len(modules) and all(row.a["href"].endswith(row.a.get_text().replace(".", "")) for row in rows)


def test_a_signature_is_shown_as_it_is_written() -> None:
    lines = [
        "class A:",
        "    @staticmethod",
        "    def f(",
        "        a: int,",
        "    ) -> str:  # noqa",
        '        """It."""',
    ]
    node = ast.parse("\n".join(lines)).body[0].body[0]
    assert reference._signature(node, lines).splitlines() == ["@staticmethod", "f(", "    a: int,", ") -> str"]


def test_every_formula_differs_from_its_mistakes() -> None:
    for task in formulas.tasks():
        rows = formulas.drawn(task)
        right = formulas.answers(task.right, rows)
        assert np.isfinite(right).all() and len(right) in (formulas.ROWS, formulas.ROWS_OF_ARRAYS), task.exercise
        for hint, rule in task.mistakes.items():
            assert not np.allclose(formulas.answers(rule, rows), right, atol=1e-5), hint


def test_formulas_agree_with_other_peoples_work() -> None:
    tasks = {task.exercise: task for task in formulas.tasks()}
    rows = {number: formulas.drawn(task) for number, task in tasks.items()}
    given = {
        number: [np.array([row[name] for row in rows[number]]) for name in tasks[number].given] for number in tasks
    }
    found = {number: formulas.answers(task.right, rows[number]) for number, task in tasks.items()}
    first, second = torch.from_numpy(np.stack(given["01.2"], 1)).split(4, dim=1)
    expected = architectures.torchvision().ops.box_iou(first, second).diagonal().numpy()
    assert found["01.2"] == pytest.approx(expected) and (expected == 0).any() and (expected > 0).any()
    v, w = np.split(np.stack(given["04.3"], 1), 2, axis=1)
    assert found["04.3"] == pytest.approx([cosine(*pair) for pair in zip(v, w, strict=True)])
    real, fake, labels = map(torch.from_numpy, given["03.2"])
    logits = torch.stack([real, fake], 1).requires_grad_()
    torch.nn.functional.cross_entropy(logits, labels.long(), reduction="sum").backward()
    assert found["03.2"] == pytest.approx(logits.grad[:, 1].numpy())
    scores, labels = given["05.2"]
    assert found["05.2"] == pytest.approx([roc_auc_score(*row) for row in zip(labels, scores, strict=True)])
    assert found["03.6"] == pytest.approx(scipy.stats.sem(given["03.6"][0], axis=1))
    for row, p in zip(found["06.6"], given["06.6"][0], strict=True):
        assert row == pytest.approx(sorted(intervals.holm(p))), "as in the study's own table"
    one = np.zeros((1, 64), np.float32)
    one[0, 32] = 1  # the kernel of an enlargement, seen through OpenCV
    seen = cv2.resize(one, (64 * 8, 1), interpolation=cv2.INTER_CUBIC)[0]
    distances = np.abs((np.arange(64 * 8) + 0.5) / 8 - 0.5 - 32)
    kernel = formulas.answers(tasks["06.3"].right, [{"d": distance} for distance in distances])
    assert seen == pytest.approx(kernel, abs=1e-6)


def test_only_a_prediction_with_written_reasons_is_made_on_the_page() -> None:
    check = nbformat.v4.new_code_cell('because = {"b": "no"}\nchecks.choice("01.1", f(), m, "r", because)')
    found = practice._prediction('def f():\n    return "a"', check)
    assert found["options"] == ["a", "b"] and found["answer"] == "a" and found["number"] == "01.1"
    assert json.loads(found["because"]) == {"a": "this is what was measured.", "b": "no"}
    for solution, source in (
        ("def f():\n    return best()", check.source),  # computed
        ('def f():\n    return "a"', 'because = {drawn: "no"}\nchecks.choice("01.1", f(), m, "r", because)'),
        ('def f():\n    return "a"', "%matplotlib inline"),
        ('def f():\n    return "a"', 'checks.close("01.1", f(), m, "r")'),
    ):
        assert practice._prediction(solution, nbformat.v4.new_code_cell(source)) is None
