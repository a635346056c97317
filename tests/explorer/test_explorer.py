"""`zoo explore` in a real browser without a network: every control of a latent changes the picture."""

import shutil

import pytest
from made import checkpoint
from pictures import png

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def browser():
    if BROWSER is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    sync = pytest.importorskip("playwright.sync_api", reason="no playwright here: pip install playwright")
    with sync.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield browser
        browser.close()


class Opened:
    """A served page in the browser, with every address it asked for."""

    def __init__(self, browser, paths) -> None:
        from zoo.explorer.page import build, serve

        self.served = build(paths)
        self.asked: list[str] = []
        self.page = browser.new_page(viewport={"width": 1300, "height": 1100})
        self.page.set_default_timeout(90_000)
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.address = serve(self.served, 17860, wait=False)
        self.page.goto(self.address)
        self.src()

    def src(self, i: int = 0, other_than: str | None = None, where: str = "picture-{}") -> str:
        """Address of the picture, which names its content, once it is another one."""
        where = where.format(i)
        self.page.wait_for_function(
            "([id, old]) => { const e = document.querySelector(`#${id} img`); return e && e.src && e.src !== old }",
            arg=[where, other_than],
        )
        return self.page.locator(f"#{where} img").get_attribute("src")

    def give(self, name: str, *files) -> None:
        self.page.locator(f"#{name} input[type=file]").set_input_files([str(file) for file in files])

    def number(self, name: str, value: float) -> None:
        field = self.page.locator(f"#{name} input[type=number]")
        field.fill(str(value))
        field.press("Tab")

    def tick(self, name: str) -> None:
        self.page.locator(f"#{name} input").click()

    def close(self) -> None:
        self.page.close()
        self.served.close()


@pytest.fixture
def opened(browser):
    pytest.importorskip("gradio", reason="no gradio here: pip install 'gan-zoo[explore]'")
    pages = []

    def start(*paths):
        pages.append(Opened(browser, list(paths)))
        return pages[-1]

    yield start
    for page in pages:
        page.close()


def test_every_control_changes_the_picture(opened, tmp_path):
    style = checkpoint("stylegan", tmp_path / "a-001" / "checkpoints" / "last.ckpt")
    twin = checkpoint("stylegan", tmp_path / "b-001" / "checkpoints" / "last.ckpt", mapping_layers=2)
    here = opened(style, twin)
    first = before = here.src()
    assert here.src(1) != before
    for act, *arguments in (
        (here.number, "seed", 5),
        (here.number, "t", 0.5),
        (here.number, "other", 9),
        (here.tick, "truncate"),
        (here.number, "truncation", 0.2),
        (here.tick, "mix"),
        (here.number, "last", 1),
        (here.number, "first", 1),
        (here.tick, "noise"),
        (here.number, "shift", 3),
        (here.number, "axis", 2),
        (here.tick, "average"),
    ):
        act(*arguments)
        before = here.src(other_than=before)
    for name, value in (("shift", 0), ("t", 0), ("seed", 0)):
        here.number(name, value)
    for name in ("truncate", "mix", "noise", "average"):
        here.tick(name)
    here.page.wait_for_function(
        "old => document.querySelector('#picture-0 img').src.split('/').at(-2) === old.split('/').at(-2)", arg=first
    )  # the same controls give the same picture
    assert here.page.locator("#files a").count() >= 2
    assert not [url for url in here.asked if not url.startswith((here.address, "data:", "blob:"))]

    style.unlink()
    here.number("seed", 3)
    here.page.wait_for_function("document.querySelector('#status').innerText.includes('is no longer there')")
    here.number("seed", "")
    here.page.wait_for_function("document.querySelector('#status').innerText.includes('a number is missing')")


def test_photos_are_rebuilt_and_edited(opened, tmp_path):
    files = [tmp_path / f"{i}.png" for i in range(4)]
    for i, file in enumerate(files):
        file.write_bytes(png(i, (40, 36)))
    wrong = tmp_path / "wrong.png"
    wrong.write_bytes(b"no picture")
    here = opened(checkpoint("introvae", tmp_path / "a-001" / "checkpoints" / "last.ckpt"))
    here.page.get_by_role("tab", name="photos: a-001/last").click()
    rebuilt = "reconstruction"

    here.give("photo", files[0])
    plain = here.src(where=rebuilt)
    here.give("having", files[1], files[2])
    here.page.wait_for_function("document.querySelector('#photo-status').innerText.includes('photos that lack it')")
    here.give("lacking", files[3])
    edited = here.src(where=rebuilt, other_than=plain)
    here.number("strength", -2)
    here.src(where=rebuilt, other_than=edited)

    here.page.locator("#photo [aria-label*='lear'], #photo [aria-label*='emove']").first.click()
    here.give("photo", wrong)
    here.page.wait_for_function("document.querySelector('#photo-status').innerText.includes('wrong.png')")
    assert not [url for url in here.asked if not url.startswith((here.address, "data:", "blob:"))]
