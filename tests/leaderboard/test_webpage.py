"""results/index.html: what it holds, and that a real browser sorts, filters and draws it without a network."""

import json
import shutil

import pytest
from board import COLUMNS, ROW, add

from zoo.leaderboard.render import render

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture
def site(tmp_path):
    """Two papers, two seeds each, with histories; one picture; three published numbers."""
    for paper, base in (("sngan", 20.0), ("ttur", 30.0)):
        for seed in range(2):
            fid = base + seed
            history = [
                {"nimg": k * 10**6, "kimg": k * 1000, "hours": k / 5, "metrics": {"fid": fid + 16 / k}}
                for k in range(1, 17)
            ]
            metrics = ROW["metrics"] | {"fid": fid, "precision": 0.7}
            add(tmp_path, "cifar10", paper=paper, training__seed=seed, metrics=metrics, history=history)
    add(tmp_path, "faces </script>", data__name="faces", samples="sngan/grid.png")
    (tmp_path / "sngan" / "grid.png").write_bytes(PIXEL)
    (tmp_path / "published.csv").write_text(
        COLUMNS
        + "sngan,CIFAR-10,32,real data,fid,7.8,,theirs,Table 2,,yes\n"
        + "sngan,CIFAR-10,32,ResNet,fid,21.7,.21,theirs,Table 2,,yes\n"
        + "sngan,CIFAR-10,32,recalled,fid,9.0,,theirs,,,no\n"
    )
    render(tmp_path)
    return tmp_path / "index.html"


PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55"
    "0000000a49444154789c6360000000020001e221bc330000000049454e44ae426082"
)


def test_the_page_holds_everything_itself(site):
    text = site.read_text(encoding="utf-8")
    assert len(text) < 1_000_000
    for word in ('src="http', 'href="http', "@import", "sourceMappingURL"):
        assert word not in text
    assert text.count("Permission is hereby granted, free of charge") == 2
    data = json.loads(text.split('<script id="data" type="application/json">')[1].split("</script>")[0])
    assert len(data["rows"]) == 5
    assert [row["metrics"]["fid"] for row in data["rows"] if row["dataset"] == "CIFAR-10"] == [20, 21, 30, 31]
    assert data["rows"][0]["history"][0] == {"kimg": 1000, "hours": 0.2, "fid": 36}
    assert data["published"][0]["model"] == "real data"


@pytest.fixture(scope="module")
def browser():
    if BROWSER is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    sync = pytest.importorskip("playwright.sync_api", reason="no playwright here: pip install playwright")
    with sync.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield browser
        browser.close()


def opened(browser, site, **options):
    page = browser.new_page(offline=True, **options)
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.on("console", lambda line: page.errors.append(line.text) if line.type in ("error", "warning") else None)
    page.goto(site.as_uri())
    page.wait_for_selector("body[data-ready]", timeout=60_000)
    return page


def column(page, field: str) -> list[str]:
    cells = page.locator(f'#table .tabulator-row .tabulator-cell[tabulator-field="{field}"]')
    return cells.all_inner_texts()


def test_sort_filter_curves_and_grid(browser, site):
    page = opened(browser, site, viewport={"width": 1400, "height": 1400})
    assert page.locator("#count").inner_text() == "8 of 8 rows"
    page.select_option("#dataset", "CIFAR-10, 32 px")
    page.select_option("#kind", "ours")
    assert column(page, "metrics.fid") == ["20", "21", "30", "31"]
    page.locator('.tabulator-col[tabulator-field="metrics.fid"]').click()  # ascending, then descending
    page.locator('.tabulator-col[tabulator-field="metrics.fid"]').click()
    assert column(page, "metrics.fid") == ["31", "30", "21", "20"]
    assert column(page, "metrics.precision") == ["0.7"] * 4
    page.select_option("#paper", "ttur")
    assert page.locator("#count").inner_text() == "2 of 8 rows"
    page.select_option("#kind", "")
    page.select_option("#paper", "")

    chart = "Chart.getChart('chart').data.datasets"
    labels = page.evaluate(f"{chart}.map(d => d.label)")
    assert sum(label.startswith("published") for label in labels) == 1
    assert "published: sngan, ResNet" in labels
    assert page.evaluate(f"{chart}[0].data[0].x") == 1000
    page.select_option("#x", "hours")
    assert page.evaluate(f"{chart}[0].data[0].x") == 0.2
    assert page.evaluate("Chart.getChart('chart').getDatasetMeta(0).data.length") == 16

    page.select_option("#dataset", "faces, 32 px")
    page.locator("#table .tabulator-row .tabulator-cell").first.click()
    assert page.locator("#what").inner_text() == "sngan, faces </script>"
    assert page.evaluate("document.getElementById('grid').naturalWidth") == 1
    page.keyboard.press("Escape")
    assert not page.locator("#detail").is_visible()
    assert page.errors == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1400])
def test_it_fits_and_can_be_read(browser, site, scheme, width):
    page = opened(browser, site, color_scheme=scheme, viewport={"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    luminance = """el => { const [r, g, b] = getComputedStyle(el)[%r].match(/[\\d.]+/g).map(Number);
        return (0.2126 * r + 0.7152 * g + 0.0722 * b) / 255; }"""
    for selector in ("body", "#table .tabulator-row .tabulator-cell", "#table .tabulator-header"):
        ink = page.locator(selector).first.evaluate(luminance % "color")
        assert (ink > 0.7) == (scheme == "dark"), selector
    paper = page.locator("body").evaluate(luminance % "backgroundColor")
    assert (paper < 0.3) == (scheme == "dark")
    assert page.errors == []
