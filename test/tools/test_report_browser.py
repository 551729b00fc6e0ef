"""The report's page in chromium, without a network: every plot is drawn, and it can be read on a phone,
in the dark and on paper."""

import json
import re

import pytest
from reports import PLOTS, evil, two, whole

__all__ = ["evil", "two", "whole"]  # fixtures


@pytest.fixture(scope="module")
def browser():
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                     "--host-resolver-rules=MAP * ~NOTFOUND"):  # fmt: skip
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
    driver.set_page_load_timeout(60)
    yield driver
    driver.quit()


def show(browser, report, width=1280, scheme="light", media="", name="index.html"):
    browser.get_log("browser"), browser.get_log("performance")
    browser.execute_cdp_cmd("Network.enable", {})
    offline = {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    browser.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})
    browser.get((report.out / name).as_uri())


PAGES = pytest.mark.parametrize("page", ["whole", "two", "evil"])
WIDTHS = pytest.mark.parametrize("width", [1280, 390, 320])


@PAGES
def test_page_loads_without_console_error_or_request(request, browser, page):
    report = request.getfixturevalue(page)
    show(browser, report)
    assert browser.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [
        e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"
    ]
    assert [url.partition(":")[0] for url in asked if not url.startswith("data:")] == ["file"]
    assert browser.execute_script("return document.scripts.length") == 0


# Of each plot that is to be seen: its box, and what is drawn in its canvas in the doors' colours.
DRAWN = """
return [...document.querySelectorAll('figure')].map(figure => {
  const seen = [...figure.querySelectorAll('svg')].filter(svg => svg.getBoundingClientRect().width > 0);
  const box = seen.length ? seen[0].getBoundingClientRect() : {width: 0, height: 0};
  const inside = [...(seen[0] || figure).querySelectorAll('path, polygon, use, rect')].filter(mark => {
    const own = mark.getBoundingClientRect();
    const paint = getComputedStyle(mark);
    const door = ['int', 'syscall'].some(name => {
      const sample = document.createElement('i');
      sample.style.color = `var(--${name})`;
      document.body.append(sample);
      const colour = getComputedStyle(sample).color;
      sample.remove();
      return [paint.stroke, paint.fill, paint.color].includes(colour);
    });
    return door && own.width + own.height > 3 && own.left >= box.left - 1 && own.right <= box.right + 1
      && own.top >= box.top - 1 && own.bottom <= box.bottom + 1;
  });
  return [figure.id, seen.length, box.width, box.height, inside.length];
});
"""


@PAGES
@WIDTHS
def test_every_plot_is_there_and_drawn(request, browser, page, width):
    report = request.getfixturevalue(page)
    show(browser, report, width)
    drawn = {row[0]: row[1:] for row in browser.execute_script(DRAWN)}
    assert sorted(drawn) == sorted(
        f"{plot}-{n + 1}" for plot in PLOTS for n in range(len(report.figures))
    )
    for name, (seen, wide, high, marks) in drawn.items():
        assert seen == 1, f"{name}: {seen} plots are seen"
        assert wide > 0.4 * min(width, 860) and high > 200, f"{name} is {wide} by {high}"
        assert marks >= 4, f"{name} has {marks} marks in the doors' colours"


@PAGES
@WIDTHS
def test_page_does_not_scroll_sideways(request, browser, page, width):
    show(browser, request.getfixturevalue(page), width)
    browser.execute_script("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    beyond = """return [...document.querySelectorAll('body *')].filter(each => !each.closest('.scroll')
        && each.getBoundingClientRect().right > innerWidth + 1).map(each => each.outerHTML.slice(0, 80))"""
    assert browser.execute_script(beyond) == []


def luminance(colour: str) -> float:
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


COLOURS = """
const paints = (what, property) => [...new Set([...document.querySelectorAll(what)]
  .filter(each => each.textContent.trim() || property == 'stroke').map(each => getComputedStyle(each)[property]))];
return {page: getComputedStyle(document.body).backgroundColor, text: paints('svg text, svg tspan', 'fill'),
  lines: paints('svg path[stroke*="--int"], svg path[stroke*="--syscall"]', 'stroke'),
  words: paints('p, h1, h2, h3, td, th, caption, figcaption, summary, small, li, code, td span, th span', 'color'),
  banner: [getComputedStyle(document.querySelector('.emulated')).backgroundColor,
           getComputedStyle(document.querySelector('.emulated')).color]};
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_lines_can_be_read_in_both_schemes(browser, whole, scheme):
    show(browser, whole, scheme=scheme)
    colours = browser.execute_script(COLOURS)
    assert (luminance(colours["page"]) > 0.5) is (scheme == "light")
    assert colours["text"] and len(colours["lines"]) == 2
    for colour in [*colours["text"], *colours["words"]]:
        assert contrast(colour, colours["page"]) >= 4.5, colour
    for colour in colours["lines"]:
        assert contrast(colour, colours["page"]) >= 3, colour
    assert contrast(*colours["banner"]) >= 4.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_each_plot_is_a_file_too_that_can_be_read_by_itself(browser, whole, scheme):
    files = sorted(whole.out.glob("plot-*.svg"))
    assert [path.stem for path in files] == sorted(f"plot-{name}-1" for name in PLOTS)
    for path in files:
        show(browser, whole, scheme=scheme, name=path.name)
        page, texts, lines, size = browser.execute_script(
            """const paints = (what, key) => [...document.querySelectorAll(what)].map(e => getComputedStyle(e)[key]);
            return [getComputedStyle(document.documentElement).backgroundColor, paints('text', 'fill'),
            [...paints('[stroke*="--int"], [stroke*="--syscall"]', 'stroke'), ...paints('[fill*="--int"]', 'fill')],
            document.documentElement.getBoundingClientRect().width]"""
        )
        assert (luminance(page) > 0.5) is (scheme == "light") and size in (358, 800)
        assert texts and lines
        assert all(contrast(colour, page) >= 4.5 for colour in texts)
        assert all(contrast(colour, page) >= 3 for colour in lines), lines


def test_plots_text_is_large_enough_on_a_phone(browser, whole):
    for width in (390, 320):
        show(browser, whole, width)
        heights = browser.execute_script(
            "return [...document.querySelectorAll('svg text')].map(t => t.getBoundingClientRect())"
            ".filter(box => box.width > 0).map(box => Math.min(box.width, box.height))"
        )
        assert len(heights) > 50
        sizes = browser.execute_script(
            "return [...document.querySelectorAll('svg text')].filter(t => t.getBoundingClientRect().width)"
            ".map(t => parseFloat(getComputedStyle(t).fontSize) * t.getScreenCTM().a || 99)"
        )
        assert min(sizes) >= 9, sorted(sizes)[:5]


@PAGES
def test_each_plot_has_a_text_alternative_and_its_data(request, browser, page):
    show(browser, request.getfixturevalue(page))
    told = browser.execute_script(
        """return [...document.querySelectorAll('svg')].map(svg => [svg.getAttribute('role'),
        ...svg.getAttribute('aria-labelledby').split(' ').map(id => document.getElementById(id).textContent),
        svg.closest('figure').querySelectorAll('details table tbody tr').length])"""
    )
    assert told
    for role, title, description, rows in told:
        assert role == "img" and title.strip() and rows > 0
        assert re.search(r"\d", description), description
    seen = [svg for svg in browser.find_elements("css selector", "svg") if svg.is_displayed()]
    assert seen and all(svg.accessible_name.strip() for svg in seen)


@PAGES
def test_page_is_built_as_a_document(request, browser, page):
    report = request.getfixturevalue(page)
    show(browser, report)
    ids = re.findall(r"\bid=[\"']([^\"']+)", report.page)
    assert len(ids) == len(set(ids))
    levels = browser.execute_script(
        "return [...document.querySelectorAll('h1,h2,h3,h4')].map(h => +h.tagName[1])"
    )
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(levels, levels[1:]))
    assert browser.execute_script("return document.documentElement.lang") == "en"
    unscoped = browser.execute_script("return document.querySelectorAll('th:not([scope])').length")
    assert unscoped == 0
    uneven = """return [...document.querySelectorAll('table')].filter(table => new Set([...table.tBodies[0].rows]
        .map(row => [...row.cells].reduce((n, cell) => n + cell.colSpan, 0))).size > 1
        || [...table.tHead.rows].at(-1).cells.length + (table.tHead.rows.length > 1)
           != [...table.tBodies[0].rows[0].cells].reduce((n, cell) => n + cell.colSpan, 0)).map(t => t.caption.textContent)"""
    assert browser.execute_script(uneven) == []


def test_paper_has_the_plots_their_data_and_no_table_cut_off(browser, whole):
    show(
        browser, whole, width=700, scheme="dark", media="print"
    )  # what A4 leaves between its margins
    colours = browser.execute_script(COLOURS)
    assert contrast(colours["page"], "rgb(255, 255, 255)") == 1
    assert all(
        contrast(colour, colours["page"]) >= 4.5 for colour in [*colours["text"], *colours["words"]]
    )
    cut = """return [...document.querySelectorAll('table')].filter(t => t.getBoundingClientRect().right > innerWidth)
        .map(t => t.caption.textContent)"""
    assert browser.execute_script(cut) == []
    hidden = """return [...document.querySelectorAll('figure details:not(.long) table')]
        .filter(t => !t.checkVisibility({contentVisibilityAuto: true})).length"""
    assert browser.execute_script(hidden) == 0
