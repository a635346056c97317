"""results/index.html: what it holds, and that a real browser sorts, filters and draws it without a network."""

import io
import json
import shutil
import time

import pytest
from board import COLUMNS, ROW, add, imitation_row
from PIL import Image

from zoo.leaderboard import imitation, toys
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
    add(tmp_path, "faces </script>", data__name="faces", samples="sngan/grid.png", training__kimg=20)
    sheet(tmp_path / "sngan" / "grid.png")
    (tmp_path / "published.csv").write_text(
        COLUMNS
        + "sngan,CIFAR-10,32,real data,fid,7.8,,theirs,Table 2,,yes\n"
        + "sngan,CIFAR-10,32,ResNet,fid,21.7,.21,theirs,Table 2,,yes\n"
        + "sngan,CIFAR-10,32,recalled,fid,9.0,,theirs,,,no\n"
    )
    render(tmp_path)
    return tmp_path / "index.html"


def sheet(path, shade: int = 0) -> None:
    """A sheet of 2 by 2 images of 32 px, enlarged as `save_grid` does it: cell k has its own grey."""
    picture = Image.new("L", (2 * 98 + 2, 2 * 98 + 2), 255)
    for k in range(4):
        picture.paste(40 * k + shade, (2 + k % 2 * 98, 2 + k // 2 * 98, 98 + k % 2 * 98, 98 + k // 2 * 98))
    picture.convert("RGB").save(path, "PNG")


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


def toy(paper: str) -> toys.Toy:
    metrics = {"modes": 8, "n_modes": 8, "near": 0.5, "distance": 0.1, "reverse_kl": 0.2, "w2": 0.3, "w2_data": 0.1}
    return toys.Toy(paper, "ring", 0, metrics, 128.0, 1000, 128, 9.0, 0.1, 1000, 1000)


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


HOSTILE = (
    "</script><script>document.body.dataset.ran = 1</script>",
    "<!--<script>",
    '<img src=x onerror="document.body.dataset.ran = 1">',
    "\"><svg onload='document.body.dataset.ran = 1'>",
    "javascript:document.body.dataset.ran=1",
    "@DATA@ @SCRIPTS@ ${document.body.dataset.ran = 1} `",
    "constructor",
    "__proto__",
    "\u2028\u2029\\u003c/script>",
)


def test_no_text_of_a_row_is_run(browser, tmp_path):
    """Every text field of rows of every kind and of published numbers holds what would run as markup or script."""
    for i, bad in enumerate(HOSTILE):
        with pytest.raises(ValueError, match=r"samples is .* not a picture below the results folder"):
            add(tmp_path, "r", samples=bad)
        picture = None if set(bad) & set("/\\:") else f"{bad}.png"
        metrics = ROW["metrics"] | {bad: 1.0, f"fd_{bad}": 2.0}
        add(
            tmp_path, bad, paper=f"p{i}{bad}", date=bad, metrics=metrics, absent={bad: bad}, notes={bad: bad},
            data__name=bad, data__note=bad, data__fingerprint=bad, conditions__protocol=bad, conditions__chosen=bad,
            conditions__rounding=bad, conditions__extractors={bad: {"id": bad, "resize": bad}},
            training__hardware=bad, training__precision=bad, software__commit=bad, software__torch=bad,
            config={bad: bad, "model": {bad: [bad]}}, run=bad, samples=picture,
            history=[{"nimg": 1, "kimg": 1, "hours": 0.1, "metrics": {bad: 3.0}}] * 2,
        )  # fmt: skip
        if picture:
            sheet(tmp_path / picture)
    quoted = ['"' + bad.replace('"', '""') + '"' for bad in HOSTILE]
    lines = [f"{q},{q},32,{q},{q},1.5,,{q},{q},{q},yes" for q in quoted]
    (tmp_path / "published.csv").write_text(COLUMNS + "\n".join(lines) + "\n", encoding="utf-8")
    for bad in HOSTILE:
        imitation.write_row(imitation_row(method=bad, algorithm="vail", recipe="r"), tmp_path)
        toys.write_toy(toy(bad), tmp_path / "toy" / "ring" / f"{len(list(tmp_path.rglob('toy/*/*')))}.json")
    render(tmp_path)
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "<" not in text.split('type="application/json">')[1].split("</script>")[0]

    page = opened(browser, tmp_path / "index.html", viewport={"width": 1500, "height": 1400})
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.select_option("#kind", "ours")
    assert page.locator("#count").inner_text().startswith(f"{len(HOSTILE)} of")
    boxes = page.locator("#table input[type=checkbox]")
    boxes.nth(0).check()
    boxes.nth(1).check()
    page.locator("#compare").click()
    page.keyboard.press("Escape")
    for k in range(page.locator("#metric option").count()):
        page.select_option("#metric", index=k)
    for button in page.locator("#table button.link").all():
        button.click()
        page.keyboard.press("Escape")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.wait_for_timeout(300)
    shown = page.locator("#table").inner_text() + page.locator("#printed").inner_text()
    for bad in HOSTILE[:6]:
        assert bad in shown
    assert page.evaluate("document.body.dataset.ran") is None
    assert page.locator("main svg, main script, [onerror], [onload], a[href^=javascript]").count() == 0
    assert page.locator("[style*=expression]").count() == 0
    assert all(url.startswith(tmp_path.as_uri()) for url in asked)
    assert page.errors == []


def test_the_policy_lets_nothing_else_run(browser, site):
    """Markup that reached the page by another way would still not run, and nothing would be fetched."""
    page = opened(browser, site)
    page.evaluate(
        """() => { const d = document.createElement("div"); document.body.append(d);
        const run = "document.body.dataset.ran = 1";
        d.innerHTML = `<img src="x.png" onerror="${run}"><a href="javascript:${run}">x</a>`;
        const s = document.createElement("script"); s.textContent = run; d.append(s);
        const i = new Image(); i.src = "https://example.org/x.png"; d.append(i); d.querySelector("a").click(); }"""
    )
    page.wait_for_timeout(300)
    assert page.evaluate("document.body.dataset.ran") is None
    refused = " ".join(page.errors)
    assert "script-src" in refused
    assert "img-src" in refused


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
    page.locator('#table .tabulator-cell[tabulator-field="paper"]').first.click()
    assert page.locator("#what").inner_text() == "sngan, faces </script>, seed 0"
    page.wait_for_function("document.querySelector('#grid img').naturalWidth === 198")
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


def test_the_published_number_stands_beside_ours_under_its_protocol(browser, site):
    page = opened(browser, site, viewport={"width": 1400, "height": 1400})
    page.select_option("#dataset", "CIFAR-10, 32 px")
    page.select_option("#kind", "ours")
    first, *_, last = column(page, "beside")
    assert first.split("\n") == ["FID ↓ 21.7 ± .21", "ResNet; theirs"]
    assert last.strip() == ""  # ttur publishes nothing here


def test_thumbnails_open_large_and_budgets_are_filtered(browser, site):
    page = opened(browser, site, viewport={"width": 1400, "height": 1400})
    assert page.locator("#budget option").all_inner_texts() == ["any", "10 to 100 kimg", "10,000 to 100,000 kimg"]
    page.select_option("#budget", "10 to 100 kimg")
    assert column(page, "what") == ["faces </script>"]
    thumb = page.locator("button.thumb")
    thumb.scroll_into_view_if_needed()
    page.wait_for_function("document.querySelector('button.thumb img').naturalWidth === 198")
    assert thumb.locator(".strip").bounding_box()["height"] == 44
    thumb.click()
    assert page.locator("#grid img").bounding_box()["width"] >= 198
    assert page.errors == []


def test_two_rows_side_by_side(browser, tmp_path):
    (tmp_path / "sngan").mkdir()
    for k, lr in enumerate((1e-4, 2e-4)):
        sheet(tmp_path / "sngan" / f"{k}.png", k)
        config = {"model": {"lr": lr, "beta1": 0.5}, "data": {"class_path": "zoo.data.CIFAR10"}}
        metrics = ROW["metrics"] | {"fid": 20.0 + k}
        history = [{"nimg": i, "kimg": i, "hours": i, "metrics": {"fid": 30.0 - i}} for i in (1, 2)]
        add(tmp_path, f"r{k}", metrics=metrics, config=config, samples=f"sngan/{k}.png", history=history)
    add(tmp_path, "another", history=[])
    render(tmp_path)
    page = opened(browser, tmp_path / "index.html", viewport={"width": 1400, "height": 1400})
    assert page.evaluate("Chart.getChart('chart').data.datasets.length") == 3
    for name in ("r0", "r1"):
        box = page.get_by_label(f"Choose sngan, {name}, seed 0")
        box.focus()
        page.keyboard.press("Space")
    labels = page.evaluate("Chart.getChart('chart').data.datasets.map(d => d.label)")
    assert labels == ["sngan, r0, seed 0", "sngan, r1, seed 0"]  # the chosen over each other, and no other
    colours = page.evaluate("Chart.getChart('chart').data.datasets.map(d => d.borderColor)")
    assert colours[0] != colours[1]
    page.locator("#compare").click()
    lines = [
        row.locator("td").all_inner_texts() for row in page.locator("#sides table").nth(1).locator("tbody tr").all()
    ]
    assert lines == [["model.lr", "0.0001", "0.0002"]]
    assert page.locator("#sides table").nth(0).locator("strong").all_inner_texts() == ["20"]
    assert "Cell k is drawn from seed k" in page.locator("#sides").inner_text()
    page.wait_for_function("[...document.querySelectorAll('#sides img')].every(i => i.naturalWidth === 198)")
    for cell in (0, 3):
        page.locator("#cell").fill(str(cell))
        left, right = (grey(strip.screenshot()) for strip in page.locator("#sides .strip").all())
        assert (left, right) == (40 * cell, 40 * cell + 1)
    page.keyboard.press("Escape")
    page.locator("#clear").click()
    assert not page.locator("#choice").is_visible()
    assert page.locator("#table input:checked").count() == 0
    assert page.errors == []


def grey(png: bytes) -> int:
    picture = Image.open(io.BytesIO(png)).convert("L")
    return picture.getpixel((picture.width // 2, picture.height // 2))


def test_keyboard_and_print(browser, site):
    page = opened(browser, site, viewport={"width": 1400, "height": 1400})
    page.select_option("#dataset", "CIFAR-10, 32 px")
    page.select_option("#kind", "ours")
    page.locator('.tabulator-col[tabulator-field="metrics.fid"]').focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    assert column(page, "metrics.fid") == ["31", "30", "21", "20"]
    page.locator("#table button.link").first.focus()
    page.keyboard.press("Enter")
    assert page.locator("#detail").is_visible()
    page.keyboard.press("Escape")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    assert page.locator("#printed tbody tr").count() == 4
    assert not page.locator("#table").is_visible()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("#printed tbody tr").count() == 0
    assert page.errors == []


def test_rows_of_other_kinds_and_other_pages(browser, tmp_path):
    imitation.write_row(imitation_row(), tmp_path)
    toys.write_toy(toy("r1gan"), tmp_path / "toy" / "ring" / "r1gan-0.json")
    for name in ("claims.md", "speed.md"):
        (tmp_path / name).write_text("#")
    render(tmp_path)
    page = opened(browser, tmp_path / "index.html")
    assert "VAIL" in page.locator("#imitation table").inner_text()
    assert "r1gan" in page.locator("#toys table").inner_text()
    assert (
        page.evaluate("Chart.getChart(document.querySelector('#imitation canvas')).data.datasets[0].data[1].y")
        == -200
    )
    links = page.locator("#links a").evaluate_all("all => all.map(a => a.getAttribute('href'))")
    assert links == ["./README.md", "./claims.md", "./speed.md", "./leaderboard.csv", "#imitation", "#toys"]
    assert page.errors == []


def test_of_five_hundred_rows_only_what_is_seen_is_drawn(browser, tmp_path):
    """Opened and filtered; how long it takes is printed."""
    (tmp_path / "sngan").mkdir()
    sheet(tmp_path / "sngan" / "grid.png")
    history = [{"nimg": k, "kimg": k, "hours": k, "metrics": {"fid": 90 / k}} for k in range(1, 17)]
    for k in range(500):
        metrics = ROW["metrics"] | {"fid": 20 + k / 10}
        more = {"training__kimg": 10.0 ** (k % 5), "data__name": f"set {k % 7}", "config": {"model": {"lr": k}}}
        add(tmp_path, f"r{k}", paper="sngan", metrics=metrics, history=history, samples="sngan/grid.png", **more)
    render(tmp_path)
    started = time.perf_counter()
    page = opened(browser, tmp_path / "index.html", viewport={"width": 1400, "height": 1200})
    ready = time.perf_counter() - started
    spent = page.evaluate(
        """() => { const times = [], s = document.getElementById("dataset");
        for (const v of ["set 1, 32 px", "", "set 2, 32 px", ""]) { const t = performance.now(); s.value = v;
          s.dispatchEvent(new Event("change")); void document.body.offsetHeight;
          times.push(performance.now() - t); }
        return times; }"""
    )
    print(f"500 rows: {ready:.2f} s to be ready, filters {[round(t) for t in spent]} ms")
    assert page.locator("#table .tabulator-row:not(.tabulator-group)").count() < 150  # only what is seen is drawn
    assert page.errors == []
