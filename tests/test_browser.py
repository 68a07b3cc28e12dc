"""The site and JupyterLab in a real Chromium, without a window and without a network."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
import numpy as np
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from dfdlib.command import answers
from dfdlib.core import paths
from dfdlib.experiments import known_flaws, known_poses
from dfdlib.headpose import pnp, pose_features, worldmodel
from tests import pages

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync"]
PHONE = {"width": 360, "height": 740}
DESK = {"width": 1280, "height": 900}
PATIENCE = 300_000  # milliseconds, for a machine that does other things too
ERROR = '.jp-RenderedText[data-mime-type="application/vnd.jupyter.error"]'

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium (on Debian: apt install chromium)"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium; stopped with this module, since its event loop would be in the way of others."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        yield chromium
        chromium.close()


@dataclass
class Watch:
    """What went wrong on a page, and what it asked for."""

    wrong: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def on(self, page: Page) -> Page:
        page.on("console", lambda m: self.wrong.append(f"console: {m.text}") if m.type == "error" else None)
        page.on("pageerror", lambda error: self.wrong.append(f"script: {error}"))
        page.on("requestfailed", lambda request: self.wrong.append(f"not loaded: {request.url}"))
        page.on("request", lambda request: self.asked.append(request.url))
        return page

    def outside(self, *allowed: str) -> list[str]:
        return [url for url in self.asked if not url.startswith(("data:", "blob:", *allowed))]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pages.site(tmp_path_factory)


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport=DESK, offline=True)
    yield made
    made.close()


def _open(context: BrowserContext, folder: Path, address: str) -> Page:
    page = context.new_page()
    page.goto((folder / address).as_uri())
    return page


# What a reader sees of a page: the least size of any text, pictures that did not come, the width of what scrolls.
LOOK = """async () => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let least = 99;
  while (walker.nextNode()) {
    const holder = walker.currentNode.parentElement;
    if (walker.currentNode.data.trim() && holder.checkVisibility()) {
      least = Math.min(least, parseFloat(getComputedStyle(holder).fontSize));
    }
  }
  const images = [...document.images];
  for (const image of images) image.loading = "eager";
  await Promise.all(images.map((image) => image.decode().catch(() => {})));
  return {least, missing: images.filter((image) => !image.naturalWidth).map((image) => image.src),
    width: document.documentElement.scrollWidth};
}"""


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_every_page_opens_whole(browser: Browser, folder: Path, size: dict[str, int]) -> None:
    watch = Watch()
    context = browser.new_context(viewport=size, offline=True)
    page = watch.on(context.new_page())
    every = pages.addresses(folder)
    if size == DESK:  # less room is harder, so here the kinds of pages suffice
        every = [
            url for url in every if url.count("/") < 2 and not url.startswith(("dfdlib/", "tools/", "benchmarks/"))
        ]
    for address in every:
        page.goto((folder / address).as_uri())
        seen = page.evaluate(LOOK)
        assert not seen["missing"], address
        assert seen["width"] <= size["width"] + 1, f"{address} scrolls sideways"
        assert seen["least"] >= 14, f"{address} has text of {seen['least']} px"
    context.close()
    assert not watch.wrong
    assert not watch.outside(folder.as_uri()) and len(watch.asked) > 3 * len(every)


def test_the_menu_leads_through_the_site(context: BrowserContext, folder: Path) -> None:
    page = _open(context, folder, "index.html")
    page.click("nav >> text=04 Head pose")
    assert page.inner_text("h1").startswith("04 Head pose") and page.is_visible("nav")
    page.click("a[rel=next]")
    assert page.inner_text("h1").startswith("05 ")
    page.click("main >> text=04 Head pose")
    assert page.inner_text("h1").startswith("04 ")
    page.click("header .home")
    assert page.inner_text("main h2 >> nth=0").startswith("The paper's claims")
    assert page.inner_text("main th >> nth=0") == "Claim"


def test_the_menu_folds_on_a_phone(browser: Browser, folder: Path) -> None:
    context = browser.new_context(viewport=PHONE, offline=True, has_touch=True)
    page = _open(context, folder, "notebooks/04_head_pose.html")
    assert not page.is_visible("nav")
    page.tap("#menu-button")
    assert page.is_visible("nav") and page.get_attribute("#menu-button", "aria-expanded") == "true"
    page.tap("nav >> text=Figures")
    assert page.inner_text("h1") == "Figures" and not page.is_visible("nav")
    context.close()


@pytest.mark.parametrize("words", ["50.1", "head pose"])
def test_what_is_searched_is_found_and_opens(context: BrowserContext, folder: Path, words: str) -> None:
    page = _open(context, folder, "results/index.html")
    page.keyboard.press("/")
    page.keyboard.type(words)
    page.wait_for_selector("#hits [role=option]", timeout=PATIENCE)
    marked = page.inner_text("#hits >> nth=0").lower()
    assert words in marked and page.get_attribute("#query", "aria-expanded") == "true"
    page.keyboard.press("ArrowDown")
    assert page.get_attribute("#hits li >> nth=0", "aria-selected") == "true"
    first = page.get_attribute("#hits a >> nth=0", "href")
    page.keyboard.press("Enter")
    page.wait_for_url("**/04_head_pose.html*")
    assert page.url.endswith(first.lstrip("./")) and words in page.inner_text("main").lower()


def test_a_search_without_a_hit_says_so_and_closes(context: BrowserContext, folder: Path) -> None:
    page = _open(context, folder, "index.html")
    page.fill("#query", "<img src=x onerror=alert(1)>")
    page.wait_for_selector("#hits >> text=Nothing found", timeout=PATIENCE)
    assert page.inner_text("#hit-count") == "0 found"
    page.keyboard.press("Escape")
    assert not page.is_visible("#hits") and page.get_attribute("#query", "aria-expanded") == "false"


def test_the_site_can_be_read_without_scripts(browser: Browser, folder: Path) -> None:
    context = browser.new_context(viewport=PHONE, java_script_enabled=False, offline=True)
    page = _open(context, folder, "index.html")
    assert page.is_visible("nav") and not page.is_visible("#search") and not page.is_visible("#menu-button")
    page.click("nav >> text=Tables")
    assert page.inner_text("h1") == "Tables"
    context.close()


@pytest.mark.parametrize("typed", ["lanmdarks", "landmarkss", "lndmarks", "landnarks"])
def test_a_slip_of_the_hand_is_forgiven(context: BrowserContext, folder: Path, typed: str) -> None:
    page = _open(context, folder, "index.html")
    page.fill("#query", typed)
    page.wait_for_selector("#hits mark", timeout=PATIENCE)
    assert "read as “landmarks”" in page.inner_text("#hit-count")
    assert "landmarks" in page.inner_text("#hits mark >> nth=0").lower()


def test_light_and_dark_are_chosen_and_remembered(browser: Browser, folder: Path) -> None:
    context = browser.new_context(viewport=DESK, color_scheme="dark", offline=True)
    ground = "getComputedStyle(document.body).backgroundColor"
    page = _open(context, folder, "index.html")
    dark = page.evaluate(ground)
    assert page.inner_text("#theme") == "Light", "the system says dark"
    page.click("#theme")
    assert page.evaluate(ground) == "rgb(255, 255, 255)" != dark
    page = _open(context, folder, "notebooks/04_head_pose.html")
    assert page.evaluate(ground) == "rgb(255, 255, 255)" and page.inner_text("#theme") == "Dark"
    page.click("#theme")
    assert page.evaluate(ground) == dark and page.evaluate("localStorage.length") == 0, "as the system again"
    context.close()


def test_a_figure_opens_large_and_closes(context: BrowserContext, folder: Path) -> None:
    page = _open(context, folder, "figures/index.html")
    small = page.locator("main figure img").first.bounding_box()
    page.locator("a.zoom").first.click()
    large = page.locator("#large img")
    assert page.is_visible("#large") and large.bounding_box()["width"] > 1.1 * small["width"]
    assert large.get_attribute("alt") == page.locator("main figure img").first.get_attribute("alt")
    page.keyboard.press("Escape")
    assert not page.is_visible("#large") and page.url.endswith("figures/index.html")


def test_code_is_folded_and_copied(browser: Browser, folder: Path) -> None:
    context = browser.new_context(viewport=DESK, offline=True, permissions=["clipboard-read", "clipboard-write"])
    page = _open(context, folder, "notebooks/04_head_pose.html")
    assert not page.is_visible("details.code >> nth=0 >> pre") and page.is_visible("details.code >> nth=2 >> pre")
    page.click(".fold")
    assert page.locator("details.code[open]").count() == 0 and page.inner_text(".fold") == "Show all code"
    page.click(".fold")
    page.hover("details.code >> nth=2 >> pre")
    page.click("details.code >> nth=2 >> .copy")
    page.wait_for_selector("text=Copied")
    page.focus("#query")
    page.keyboard.press("Control+V")
    assert page.input_value("#query").startswith("# Figure 38 points, camera = found")
    context.close()


def test_rows_are_sorted_and_filtered(context: BrowserContext, folder: Path) -> None:
    page = _open(context, folder, "index.html")
    column = "[...document.querySelectorAll('main table')[0].tBodies[0].rows].map((row) => row.cells[2].innerText)"
    before = page.evaluate(column)
    page.click("main table >> nth=0 >> th:nth-child(3) >> button")
    up = _shares(page.evaluate(column))
    assert up == sorted(up) and sorted(page.evaluate(column)) == sorted(before)
    page.click("main table >> nth=0 >> th:nth-child(3) >> button")
    assert _shares(page.evaluate(column)) == up[::-1]
    page.fill(".tools input >> nth=0", "head pose videos")
    shown = page.locator("main table >> nth=0 >> tbody tr:visible").all_inner_texts()
    assert shown and all("Head pose" in text and "videos" in text for text in shown)
    assert page.inner_text(".tools span >> nth=0") == f"{len(shown)} of {len(before)}"


def _shares(cells: list[str]) -> list[float]:
    """The numbers of a column as shares: it holds accuracies in per cent, gains in points, and AUC."""
    units = {word for text in cells for word in text.split()[1:2]}
    assert units == {"%", "points"} and any(len(text.split()) == 1 for text in cells)
    return [float(text.split()[0]) / (100 if len(text.split()) > 1 else 1) for text in cells]


def test_rows_are_sorted_below_their_section(context: BrowserContext, folder: Path) -> None:
    page = _open(context, folder, "README.html")
    names = "[...document.querySelectorAll('tr.section')[0].parentElement.rows].map((row) => row.className)"
    before = page.evaluate(names)
    page.locator("table:has(tr.section) >> nth=0").locator("th:nth-child(2) button").click()
    assert page.evaluate(names) == before and before.count("section") == 3


def test_a_row_is_a_card_on_a_phone(browser: Browser, folder: Path) -> None:
    context = browser.new_context(viewport=PHONE, offline=True)
    page = _open(context, folder, "index.html")
    for row in page.locator("main table.wide >> nth=0 >> tbody tr").all()[:3]:
        boxes = [cell.bounding_box() for cell in row.locator("td:visible").all()]
        assert all(box["x"] >= 0 and box["x"] + box["width"] <= PHONE["width"] for box in boxes)
        tops = sorted((cell.bounding_box()["y"], cell.get_attribute("data-label")) for cell in row.locator("td").all())
        assert tops[1][1] == "Verdict", "below the claim"
    page.goto((folder / "results/index.html").as_uri())
    box = page.locator(".named th:nth-child(2) >> nth=0").bounding_box()
    assert box["x"] + box["width"] < PHONE["width"], "the verdict is beside the name"
    table = page.locator(".scroll:has(.named) >> nth=0")
    table.evaluate("(box) => { box.scrollLeft = 300; }")
    assert page.locator(".named th:first-child >> nth=0").bounding_box()["x"] >= 0, "the first column stays"
    context.close()


def test_a_prediction_is_answered(context: BrowserContext, folder: Path) -> None:
    page = _open(context, folder, "notebooks/exercises/ex01_preprocessing.html")
    page.check("form.predict input[value=lost]")
    assert page.inner_text("form.predict .said").startswith("Measured was “same”. What does a detector look at")
    page.check("form.predict input[value=same]")
    assert page.inner_text("form.predict .said").startswith("Right: the points move by")


# The head pose and the formulas that are tried on the site itself.

READING = "(points) => { const {whole, central, angle, distance, pFake} = window.poseReading(points);"
READING += " return {whole, central, angle, distance, pFake}; }"


def test_the_pages_poses_are_those_of_opencv(context: BrowserContext, folder: Path) -> None:
    page = _open(context, folder, "try/pose.html")
    model = worldmodel.world_model("world_model.csv")
    random, turns = np.random.default_rng(3), known_poses.turns(12, seed=4)
    points = known_poses.project_heads(model[None], turns, np.array([[5.0, -20, 300]]), pnp.camera_matrix(256, 256))
    points += random.normal(0, 1.5, points.shape)
    points[6:, known_flaws.INNER_FACE] += (6, -4)
    solver = "iterative, frontal guess"
    whole, central = pnp.whole_and_central(points, np.tile([256, 256], (12, 1)), model, solver)
    svm = pose_features.load_svm(pose_features.shipped_svm())
    scores = pose_features.p_fake(svm, pose_features.yang_feature(whole, central))
    for row, own in enumerate(points):
        found = page.evaluate(READING, own.tolist())
        for name, pose in (("whole", whole), ("central", central)):
            assert np.array(found[name]["r"]) == pytest.approx(pose.rotation[row], abs=2e-3), (row, name)
            assert found[name]["t"] == pytest.approx(pose.tvec[row], abs=0.3)
            assert found[name]["error"] == pytest.approx(pose.residual[row], abs=1e-3)
        assert found["angle"] == pytest.approx(pnp.angle_between(whole.rotation, central.rotation)[row], abs=0.1)
        assert found["distance"] == pytest.approx(pose_features.cosine_distance(whole, central)[row], abs=1e-3)
        assert found["pFake"] == pytest.approx(scores[row], abs=0.01)


def test_a_head_is_turned_and_one_point_is_dragged(context: BrowserContext, folder: Path) -> None:
    page = _open(context, folder, "try/pose.html")
    numbers = "#pose-lab tbody"
    page.locator("[name=yaw]").fill("30")
    assert page.inner_text(f"{numbers} td >> nth=1") == "30.0°" and page.inner_text(".sum").startswith("0.0° apart")
    places = "[...document.querySelectorAll('circle')].map((dot) => [dot.cx.baseVal.value, dot.cy.baseVal.value])"
    before = np.array(page.evaluate(places))
    box = page.locator("circle[data-index='8']").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 25, y + 10, steps=3)
    page.mouse.up()
    change = np.array(page.evaluate(places)) - before
    assert change[8][0] > 5 and change[8][1] > 2, "the chin"
    assert (np.delete(change, 8, axis=0) == 0).all(), "one point alone"
    assert not page.inner_text(".sum").startswith("0.0° apart")
    page.focus("#pose-lab svg")
    page.keyboard.press("PageDown")
    page.keyboard.press("ArrowUp")
    assert np.array(page.evaluate(places))[9] - before[9] == pytest.approx([0, -1], abs=1e-4)
    page.click("[name=reset]")
    assert page.input_value("[name=yaw]") == "15" and page.inner_text(".sum").startswith("0.0° apart")


def test_a_draw_of_the_noise_can_be_seen_again(context: BrowserContext, folder: Path) -> None:
    page = _open(context, folder, "try/pose.html")
    page.click("[name=draw]")
    first = page.inner_text(".sum")
    page.click("[name=draw]")
    second = page.inner_text(".sum")
    page.click("[name=reset]")
    page.click("[name=draw]")
    assert page.inner_text(".sum") == first != second


@pytest.mark.parametrize("size", [{"width": 390, "height": 844}, {"width": 1280, "height": 900}], ids=["phone", "desk"])
def test_sliders_and_numbers_fit_one_screen(browser: Browser, folder: Path, size: dict[str, int]) -> None:
    context = browser.new_context(viewport=size, offline=True)
    page = _open(context, folder, "try/pose.html")
    box = page.locator("#pose-lab").bounding_box()
    assert box["height"] < size["height"] - 70 and box["width"] <= size["width"], "beside the header"
    context.close()


FORMULAS = {
    "01.2": """w = max(min(ax1, bx1) - max(ax0, bx0), 0)
h = max(min(ay1, by1) - max(ay0, by0), 0)  # signed sides cut at zero
return w * h / ((ax1 - ax0) * (ay1 - ay0) + (bx1 - bx0) * (by1 - by0) - w * h)""",
    "02.1": "20 * np.log10(k)",
    "02.2": "x if x > 0 else slope * x",
    "02.3": "10 * np.log10(255**2 / mse)",
    "02.6": "5 * 5 * d + d * s + m * 3 * 3 * s * s + s * d + 9 * 9 * d",
    "03.2": "1 / (1 + exp(real - fake)) - label",
    "03.6": "sqrt(sum((accuracy - mean(accuracy))**2) / (len(accuracy) - 1)) / np.sqrt(len(accuracy))",
    "04.3": "1 - (v1*w1 + v2*w2 + v3*w3) / sqrt(v1**2 + v2**2 + v3**2) / (w1**2 + w2**2 + w3**2)**0.5",
    "05.1": "math.sqrt(p * (1 - p) / n)",
    "05.2": """n = np.sum(label)
(sum(stats.rankdata(p_fake) * label) - n * (n + 1) / 2) / (n * (len(label) - n))""",
    "05.6": "np.quantile(draws, 0.975) - np.quantile(draws, 0.025)",
    "06.3": """a = -0.75
near = (a + 2) * d**3 - (a + 3) * d**2 + 1
near if d <= 1 else a * (d**3 - 5 * d**2 + 8 * d - 4) if d < 2 else 0""",
    "06.4": "min(1, p * k)",
    "06.6": "np.minimum(1, np.maximum.accumulate(np.sort(p) * np.arange(len(p), 0, -1)))",
    "07.6": "f * hit / (f * hit + (1 - f) * alarm)",
    "07.7": "abs(real - (sum(fake) - fake) / (len(fake) - 1))",
}


def _checked(page: Page, number: str, text: str) -> str:
    form = page.locator("form.formula-task").nth(
        [task.exercise for task in pages.build.lab.formulas.tasks()].index(number)
    )
    form.locator("textarea").fill(text)
    form.locator("button[type=submit]").click()
    return form.locator(".said").inner_text()


def test_every_formula_can_be_solved(context: BrowserContext, folder: Path) -> None:
    page = _open(context, folder, "try/formulas.html")
    assert list(FORMULAS) == [task.exercise for task in pages.build.lab.formulas.tasks()]
    for number, text in FORMULAS.items():
        assert _checked(page, number, text) in ("Right on all 40 rows.", "Right on all 10 rows."), number


@pytest.mark.parametrize(
    ("number", "text", "said"),
    [
        ("05.1", "p * (1 - p) / n", "Not yet: this is the variance. In which unit is an error?"),
        ("03.6", "std(accuracy) / sqrt(5)", "Not yet: a little too small. What is your divisor?"),
        ("05.2", "mean(where(p_fake >= 0.5, 1, 0) == label)", "Not yet: this is the accuracy."),
        ("06.6", "min(p)", "Not yet: for p = [0."),
        ("06.6", "p * arange(3)", "Formula not read: arrays of 6 and 3 numbers do not fit."),
        ("06.6", "1 if p < 0.1 else 0", "Formula not read: one number is wanted there, not an array."),
        ("05.1", "sum(p)", "Formula not read: an array is wanted there, not one number."),
        ("02.2", "max(x, slope * x)", "Not yet: right for slopes below 1 alone"),
        ("01.2", "1", "Not yet: for ax0 = "),
        ("05.1", "p * (1 - p", 'Formula not read: ")" is missing.'),
        ("05.1", "q + 1", 'Formula not read: "q" is not given.'),
        ("05.1", "p + ;", 'Formula not read: ";" is not understood here.'),
        ("05.1", "alert(1)", 'Formula not read: there is no function "alert" here.'),
        ("05.1", "constructor(1)", 'Formula not read: there is no function "constructor" here.'),
        ("05.1", "__proto__", 'Formula not read: "__proto__" is not given.'),
        ("05.1", "p = ", "Formula not read: a number or a name is missing."),
        ("05.1", "", "Formula not read: there is no formula yet."),
        ("05.1", "-2**2 + 2**3**2 - 7 // 2 - -7 % 3", "Not yet: for p = "),
    ],
)
def test_a_wrong_formula_gets_a_hint(context: BrowserContext, folder: Path, number: str, text: str, said: str) -> None:
    page = _open(context, folder, "try/formulas.html")
    found = _checked(page, number, text)
    assert found.startswith(said)
    if text.startswith("-2"):
        assert f"yours gives {-(2**2) + 2**3**2 - 7 // 2 - -7 % 3}," in found, "as Python reads it"


# The contrast (WCAG 2.2) of every kind of text with what lies behind it, by the least one of each kind.
CONTRAST = """() => {
  const parse = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (rgb) => rgb.slice(0, 3).map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (tag) => {
    for (; tag; tag = tag.parentElement) {
      const rgb = parse(getComputedStyle(tag).backgroundColor);
      if (rgb.length < 4 || rgb[3] > 0) return rgb;
    }
  };
  const found = {};
  for (const tag of document.querySelectorAll("p, a, td, main pre span, footer")) {
    const pair = [light(parse(getComputedStyle(tag).color)), light(behind(tag))].sort((a, b) => b - a);
    const kind = tag.tagName + "." + tag.className;
    found[kind] = Math.min(found[kind] ?? 99, (pair[0] + 0.05) / (pair[1] + 0.05));
  }
  return found;
}"""


# Exercises answered in the Python of the site, which npm brings; without npm there is none.


def _answer(page: Page, number: str, text: str) -> str:
    """What the page says to an answer."""
    form = page.locator(f'form.here[data-number="{number}"]')
    form.locator("textarea").fill(text)
    form.locator("[name=run]").click()
    form.locator("[name=stop]").wait_for(state="hidden", timeout=PATIENCE)
    return form.locator("output").inner_text().strip()


def _with_python(folder: Path) -> None:
    if not (folder / "try" / "python").is_dir():
        pytest.skip("npm could not bring the site's Python")


def test_every_exercise_in_python_is_right_with_our_answer(
    context: BrowserContext, folder: Path, tmp_path: Path
) -> None:
    _with_python(folder)
    ours = {e.number: "\n\n\n".join(c.source for c in e.solution) for part in answers.parts() for e in part.exercises}
    numbers = sorted(path.stem for path in (folder / "try" / "python").glob("0*.js"))
    found = [tag for url in pages.addresses(folder) for tag in _forms(folder / url)]
    assert sorted(re.search(r'data-number="(.+?)"', tag)[1] for tag in found) == numbers
    whole = tmp_path / "all.html"  # all on one page, so that Python starts once
    script = f'<script src="{folder.as_uri()}/here.js"></script>'
    whole.write_text(f'<meta charset="utf-8"><body data-root="{folder.as_uri()}/">{"".join(found)}{script}')
    page = context.new_page()
    page.goto(whole.as_uri())
    said = {number: _answer(page, number, ours[number]) for number in numbers}
    wrong = {number: text for number, text in said.items() if f"{number} right: " not in text or "not yet" in text}
    assert not wrong and len(said) == 31


def _forms(path: Path) -> list[str]:
    return re.findall(r'<form class="here".+?</form>', path.read_text(), re.DOTALL)


def test_an_answer_is_checked_and_kept_on_the_page(context: BrowserContext, folder: Path) -> None:
    _with_python(folder)
    watch, address = Watch(), "notebooks/exercises/ex07_generalisation.html"
    page = watch.on(_open(context, folder, address))
    page.on("dialog", lambda dialog: dialog.accept())
    form = page.locator('form.here[data-number="07.6"]')
    form.locator("[name=run]").click()
    form.locator("[name=stop]").click()  # while its files are being loaded
    said = _answer(page, "07.6", form.locator("textarea").input_value())
    assert said.startswith("Line 3, in true_alarms\nNotImplementedError: return the share of alarms that are true")
    wrong = "def true_alarms(hits, alarms, fakes):\n    print('seen')\n    return hits"
    said = _answer(page, "07.6", wrong)
    assert said.startswith("seen\n") and said.endswith("07.6 not yet: this is the share of fakes that are found.")
    form.locator("[name=more]").click()
    page.get_by_text("07.6: Of what is the share asked for?").wait_for()
    form.locator("textarea").press("End")
    form.locator("textarea").press("Enter")
    assert form.locator("textarea").input_value() == wrong + "\n    "
    form.locator("textarea").fill("def true_alarms(hits, alarms, fakes):\n    while True:\n        pass")
    form.locator("[name=run]").click()
    page.get_by_text("an endless loop can be stopped").wait_for(timeout=PATIENCE)
    assert page.locator('form.here[data-number="07.7"] [name=run]').is_disabled()
    form.locator("[name=stop]").click()
    assert form.locator("output").inner_text().strip().endswith("Stopped.")
    right = "def true_alarms(hits, alarms, fakes):\n    return fakes * hits / (fakes * hits + (1 - fakes) * alarms)"
    much = right.replace(":\n", ":\n    for _ in range(9999): print('again and again', input)\n")
    said = _answer(page, "07.6", much)
    assert said.startswith("again and again") and " characters are left out" in said and "07.6 right: " in said[-200:]
    assert len(said) < 6000
    said = _answer(page, "07.6", right.replace("return", "return input() or"))
    assert said.endswith("RuntimeError: nobody can answer input() here; write the value into the code.")
    assert _answer(page, "07.6", right).startswith("07.6 right: ")
    assert page.evaluate("document.activeElement.name") == "run", "the keyboard is where it was"
    page.reload()
    assert form.locator("textarea").input_value() == right
    form.locator("[name=reset]").click()
    assert "NotImplementedError" in form.locator("textarea").input_value()
    assert not watch.wrong and not watch.outside(folder.as_uri())


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_light_and_dark(browser: Browser, folder: Path, scheme: str) -> None:
    context = browser.new_context(viewport=DESK, color_scheme=scheme, offline=True)
    page = _open(context, folder, "notebooks/04_head_pose.html")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(255, 255, 255)") == (scheme == "light")
    found = page.evaluate(CONTRAST)
    context.close()
    assert len(found) > 12 and {kind: value for kind, value in found.items() if value < 4.5} == {}


# JupyterLab: a server of its own on a copy of a notebook, with settings that ask nobody for news.


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab."""

    url: str
    folder: Path


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    home, work = tmp_path_factory.mktemp("jupyter"), tmp_path_factory.mktemp("notebooks")
    nbformat.write(_without_outputs("00_start_here.ipynb"), work / "00_start_here.ipynb")
    nbformat.write(_interactive(), work / "interactive.ipynb")
    settings = home / "settings" / "@jupyterlab"
    _write(
        settings / "apputils-extension" / "notification.jupyterlab-settings", fetchNews="false", checkForUpdates=False
    )
    _write(
        settings / "notebook-extension" / "tracker.jupyterlab-settings", windowingMode="none"
    )  # all cells in the page
    log = (home / "log").open("w")
    url = f"http://127.0.0.1:{_free_port()}"
    process = subprocess.Popen(_command(url, work), env=_environment(home), stdout=log, stderr=log)
    try:
        _wait_for(f"{url}/api", process, home / "log")
        yield Lab(url, work)
    finally:
        process.terminate()
        process.wait(60)
        log.close()


def _without_outputs(name: str) -> nbformat.NotebookNode:
    """A committed notebook as if it had never been run, so that nothing of an older run passes for a new one."""
    notebook = nbformat.read(paths.notebooks() / name, as_version=4)
    for cell in notebook.cells:
        cell.update({"outputs": [], "execution_count": None} if cell.cell_type == "code" else {})
    return notebook


def _interactive() -> nbformat.NotebookNode:
    """The lines of notebook 04 that show the sliders, on a head that needs no data."""
    cells = nbformat.read(paths.notebooks() / "04_head_pose.ipynb", as_version=4).cells
    source = next(cell.source for cell in cells if "pose_widget.show" in cell.source)
    shown = next(line for line in source.splitlines() if line.startswith("pose_widget.show"))
    drawn = 'gallery.draw("fig30_pose_by_hand", cfg, found)'  # which needs the study's frames
    assert drawn in shown
    shown = shown.replace(drawn, "pose_widget.picture(face, pose_widget.Setting())")
    head = """import numpy as np
from dfdlib.experiments import known_poses
from dfdlib.headpose import pnp, worldmodel
from dfdlib.plots import pose_widget

world = worldmodel.world_model("world_model.csv")
turned = known_poses.turns(1, seed=1)
points = known_poses.project_heads(world[None], turned, np.array([[0.0, 0, 290]]), pnp.camera_matrix(256, 256))[0]
face = pose_widget.Face(np.full((256, 256, 3), 90, np.uint8), points, world, "a head (synthetic)")"""
    return nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell("\n".join([head, shown]))],
        metadata={"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}},
    )


def _write(path: Path, **settings: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(settings))


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def _command(url: str, work: Path) -> list[str]:
    own = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": url.rpartition(":")[2],
        "ServerApp.port_retries": "0",
        "ServerApp.allow_root": "True",
        "ServerApp.root_dir": str(work),
        "ServerApp.open_browser": "False",
        "IdentityProvider.token": "",
        "LabApp.news_url": "None",
        "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
        "LabApp.extension_manager": "readonly",
        "LabApp.expose_app_in_browser": "True",
    }
    return [sys.executable, "-m", "jupyterlab", *(f"--{name}={value}" for name, value in own.items())]


def _environment(home: Path) -> dict[str, str]:
    """Nothing of the reader's own settings, and inline figures in the kernels."""
    kept = {key: value for key, value in os.environ.items() if key != "MPLBACKEND" and not key.startswith("JUPYTER")}
    folders = {"JUPYTER_CONFIG_DIR": "config", "JUPYTER_RUNTIME_DIR": "runtime", "IPYTHONDIR": "ipython"}
    folders |= {"JUPYTERLAB_SETTINGS_DIR": "settings", "JUPYTERLAB_WORKSPACES_DIR": "workspaces"}
    return kept | {key: str(home / name) for key, name in folders.items()}


def _wait_for(url: str, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE / 1000
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.3)
    raise AssertionError(f"JupyterLab did not start: {log.read_text()[-2000:]}")


NOTEBOOK = "window.jupyterapp?.shell?.currentWidget"  # on a busy machine the page asks before there is one


def _run_all(browser: Browser, lab: Lab, name: str) -> tuple[Page, Watch, list[dict]]:
    """Open a notebook, run all cells by the menu, wait for the kernel; the page and the code cells as they then are."""
    watch = Watch()
    page = watch.on(browser.new_page(viewport={"width": 1400, "height": 1000}))
    page.set_default_timeout(PATIENCE)
    page.goto(f"{lab.url}/lab/tree/{name}?reset")
    page.wait_for_function(f"{NOTEBOOK}?.sessionContext?.session?.kernel?.status === 'idle'")
    page.click("#jp-MainMenu >> text=Run")
    page.click("[data-command='runmenu:run-all']")
    counted = f"{NOTEBOOK}.content.model.toJSON().cells.filter((cell) => cell.cell_type === 'code')"
    failed = "cell.outputs.some((output) => output.output_type === 'error')"  # the cells after it are not run
    ended = f"{counted}.every((cell) => cell.execution_count) || {counted}.some((cell) => {failed})"
    page.wait_for_function(f"({ended}) && {NOTEBOOK}.sessionContext.session.kernel.status === 'idle'")
    return page, watch, page.evaluate(counted)


def _assert_no_error(page: Page, cells: list[dict]) -> None:
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert not [output for output in outputs if output["output_type"] == "error"]
    assert not [output for output in outputs if output.get("name") == "stderr"]
    assert page.locator(ERROR).count() == 0


def test_notebook_00_runs_in_jupyterlab(browser: Browser, lab: Lab) -> None:
    committed = (paths.notebooks() / "00_start_here.ipynb").read_bytes()
    page, watch, cells = _run_all(browser, lab, "00_start_here.ipynb")
    _assert_no_error(page, cells)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1)) and len(cells) > 5
    assert page.locator(".jp-OutputArea img").count() >= 1, "the pipeline"
    assert page.locator(".jp-OutputArea table").count() >= 1, "the paper row by row"
    tables = page.locator(".jp-OutputArea table").all_inner_texts()
    assert any("Head pose as in the paper, by person, accuracy of frames" in table for table in tables)
    assert not watch.outside(lab.url, lab.url.replace("http", "ws")), "nothing is asked of a network"
    page.close()
    assert (paths.notebooks() / "00_start_here.ipynb").read_bytes() == committed


def test_a_slider_changes_picture_and_numbers(browser: Browser, lab: Lab) -> None:
    page, watch, cells = _run_all(browser, lab, "interactive.ipynb")
    _assert_no_error(page, cells)
    page.wait_for_selector(".jp-OutputArea .noUi-handle")
    picture, numbers = ".jp-OutputArea img", ".jp-OutputArea .widget-html-content"
    image, text = page.get_attribute(picture, "src"), page.inner_text(numbers)
    assert text.startswith("a head (synthetic). sqpnp: poses 0.0° apart")
    page.focus(".noUi-handle >> nth=2")  # the inner face to the right
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    page.wait_for_function(f"document.querySelector('{numbers}').innerText !== {json.dumps(text)}")
    page.wait_for_function(f"document.querySelector('{picture}').src !== {json.dumps(image)}")
    assert page.locator(picture).count() == 1, "the picture is replaced, no second one is added"
    outputs = page.evaluate(f"{NOTEBOOK}.content.model.toJSON().cells[0].outputs")
    assert outputs[0]["data"]["image/png"].strip() in page.get_attribute(picture, "src").replace("%2B", "+")
    assert not watch.outside(lab.url, lab.url.replace("http", "ws"))
    page.close()
