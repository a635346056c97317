"""What pages for readers name is there: links, files, recipes, verbs, options, rooms; and what they say was run."""

import csv
import inspect
import json
import re
import statistics
from fnmatch import fnmatch
from pathlib import Path

import lightning.pytorch as L
import pytest
from lightning.pytorch.cli import LightningArgumentParser

import zoo.data
from zoo.__main__ import COMMANDS
from zoo.bench import distances
from zoo.data import ImageDataModule
from zoo.engine.checkpoints import Checkpoints
from zoo.imitation import ALGORITHMS, algorithm_class
from zoo.leaderboard import lottery
from zoo.leaderboard.marked import begin, end
from zoo.leaderboard.rows import read_rows
from zoo.options.checked import annotations
from zoo.training.arguments import add_run_arguments
from zoo.training.evaluate import Evaluate
from zoo.training.loading import model_class
from zoo.training.recipes import compose
from zoo.training.samples import Samples

ROOT = Path(__file__).parents[2]
PAPERS = sorted(ROOT.glob("reproductions/*/README.md"))
WRITTEN = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "reproductions/CLUSTER.md")),
    *sorted(ROOT.glob("zoo/*/README.md")),
    *PAPERS,
]
PAGES = [*WRITTEN, *sorted(ROOT.glob("results/**/*.md"))]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def headings(page: Path) -> set[str]:
    """The anchors of a page, as GitHub makes them."""
    words = (re.sub(r"[^\w\- ]", "", line.lower()) for line in re.findall(r"^#+ (.*)$", page.read_text(), re.M))
    return {line.replace(" ", "-") for line in words}


def code(page: Path) -> list[str]:
    """The lines of a page's blocks of code and what stands between backticks."""
    text = page.read_text()
    blocks = "\n".join(re.findall(r"^```\w*\n(.*?)^```", text, re.M | re.S))
    prose = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    lines = [line.split("  #")[0] for line in blocks.replace("\\\n", " ").splitlines()]
    return [*lines, *(" ".join(one.split()) for one in re.findall(r"`([^`]+)`", prose))]


def verbs(commands: dict) -> list:
    inner = [verbs(what) if isinstance(what, dict) else [what] for what in commands.values()]
    return [verb for some in inner for verb in some if callable(verb)]


def words(line: str) -> list[str]:
    return re.findall(r"[^\s\[\]'\"]+", line)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    for found in re.findall(r"\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"", page.read_text()):
        link = "".join(found)
        if not link.startswith("https://"):
            path, _, anchor = link.partition("#")
            target = page.parent / path if path else page
            assert target.exists(), link
            assert not anchor or anchor in headings(target), link


def test_files_that_are_named_are_there():
    """On pages, in recipes' heads and in docstrings."""
    for page in [*WRITTEN, *ROOT.glob("reproductions/*/*.yaml"), *ROOT.glob("zoo/**/*.py")]:
        for file in re.findall(r"(?<![\w/.])(?:reproductions|zoo|tests|results)/[\w/.\-]+\.\w+", page.read_text()):
            assert "NAME" in file or (ROOT / file).exists(), f"{name_of(page)}: {file}"


@pytest.mark.parametrize("page", WRITTEN, ids=name_of)
def test_verbs_and_their_options_are_there(page):
    front = {"evaluate": inspect.signature(COMMANDS["compare"]).parameters, "sample": ["class"]}
    for part in (part.strip() for line in code(page) for part in re.split(r";|&&", line)):
        given = words(part)
        if given[:1] != ["zoo"]:
            continue
        verb, depth = COMMANDS, 1
        while isinstance(verb, dict) and given[depth:]:
            assert given[depth] in verb, part
            verb, depth = verb[given[depth]], depth + 1
        if not isinstance(verb, dict) and given[1] != "train":
            known = {"help", *inspect.signature(verb).parameters, *front.get(given[1], ())}
            assert set(re.findall(r"(?<!\S)--(\w+)", " ".join(given))) <= known, part


@pytest.mark.parametrize("verb", verbs(COMMANDS), ids=lambda verb: f"{verb.__module__}.{verb.__name__}")
def test_the_list_of_verbs_shows_whole_sentences(verb):
    """`zoo --help` shows the first line of each."""
    assert inspect.getdoc(verb).splitlines()[0].endswith((".", "..."))


def of(*classes: type) -> set[str]:
    return {name for one in classes for hints, _ in annotations(one) for name in hints}


def test_options_of_trainings_are_there():
    """`--model.lr` on a paper's page is one of its model, elsewhere of any."""
    parser = LightningArgumentParser()
    add_run_arguments(parser)
    sets = [one for one in vars(zoo.data).values() if isinstance(one, type) and issubclass(one, ImageDataModule)]
    models = {page.parent.name: of(*models_of(page.parent.name)) for page in PAPERS}
    known = {
        "trainer": {*inspect.signature(L.Trainer).parameters},
        "data": of(*sets),
        "evaluation": of(Evaluate),
        "samples": of(Samples),
        "checkpoints": of(Checkpoints),
    }
    run = {action.dest for action in parser._actions} | {*known, "config", "seed_everything", "print_config"}
    of_verbs = {name for verb in verbs(COMMANDS) for name in inspect.signature(verb).parameters} | {"class"}
    for page in WRITTEN:
        model = models.get(page.parent.name) or set().union(*models.values())
        for line in code(page):
            for group, option in re.findall(
                r"(?<!\S)--(model|trainer|data|evaluation|samples|checkpoints)\.(\w+)", line
            ):
                assert option in (model if group == "model" else known[group]), f"{name_of(page)}: {line}"
            if line.startswith(("python reproductions/", "--")):
                options = set(re.findall(r"(?<!\S)--(\w+)(?!\S*\.)", line))
                assert options <= (run if line.startswith("python") else run | of_verbs), f"{name_of(page)}: {line}"


def models_of(paper: str) -> list[type]:
    own = [name for name, (script, _) in ALGORITHMS.items() if script == paper]
    return [algorithm_class(name) for name in own] or [model_class(paper)]


def table(page: Path) -> list[str]:
    """The first cells of the table of recipes."""
    rows = page.read_text().partition("\n| recipe |")[2].partition("\n\n")[0].splitlines()[2:]
    return [row.split("|")[1] for row in rows]


@pytest.mark.parametrize("page", PAPERS, ids=lambda page: page.parent.name)
def test_a_page_names_the_recipes_that_are_there_and_no_others(page):
    """By name or pattern: `table1-*`."""
    named = [name for cell in table(page) for name in re.findall(r"`([^`]+)`", cell)]
    recipes = [recipe.stem for recipe in page.parent.glob("*.yaml")]
    assert named
    assert [name for name in named if not any(fnmatch(recipe, name) for recipe in recipes)] == []
    assert [recipe for recipe in recipes if not any(fnmatch(recipe, name) for name in named)] == []


def test_readme_names_the_recipes_that_have_rows():
    """But `same-budget`, whose rows make a table of their own there."""
    rows = [row for _, row in read_rows(ROOT / "results")]
    text = (ROOT / "README.md").read_text()
    lines = re.findall(r"^\| .* \| \[\w+\]\(reproductions/(\w+)/README.md\) \| .* \| (.*) \|$", text, re.M)
    assert len(lines) == 10
    for paper, cell in lines:
        run = {r["recipe"] for r in rows if r["paper"].startswith(paper)} - {"same-budget"}
        assert set(re.findall(r"`([\w-]+)`", cell)) == run, paper


@pytest.mark.parametrize("page", PAPERS, ids=lambda page: page.parent.name)
def test_a_page_says_where_rows_are_of_an_earlier_form_of_a_recipe(page):
    text = " ".join(page.read_text().partition("\n## Results")[2].split())
    for _, row in read_rows(ROOT / "results"):
        recipe = page.parent / f"{row['recipe']}.yaml"
        if row["paper"] != page.parent.name or not recipe.is_file():
            continue
        now = compose(page.parent / "paper.yaml", ["--config", str(recipe)])[0]["model"]["total_kimg"]
        if row["training"]["kimg"] < 0.99 * now:
            about = [one for one in text.split(". ") if f"`{recipe.stem}`" in one]
            assert any("earlier" in one or "stopped" in one for one in about), recipe.stem


#: of a paper's page: recipe, metric -> numbers as they are quoted there
QUOTED = {
    ("biggan", "cifar10-cpu"): {
        "fd_efficientnet-lite0": ["26.1"],
        "fd_random": ["0.128"],
        "intra_fd_random": ["0.471"],
        "c_t_efficientnet-lite0": ["3.1"],
        "auth_pct_efficientnet-lite0": ["89.5"],
    },
    ("biggan", "imagenette64-cpu"): {
        "fd_efficientnet-lite0": ["215.9"],
        "fd_random": ["0.438"],
        "intra_fd_random": ["0.835"],
    },
    ("bigan", "mnist-cpu"): {"accuracy_1nn": ["95.0"], "accuracy_1nn_codes": ["93.2"]},
    ("ctgan_ssl", "mnist-cpu"): {"test_accuracy": ["90.5"]},
    ("introvae", "lfw-cpu"): {
        "fd_efficientnet-lite0": ["77.0"],
        "fd_random": ["1.01"],
        "recall_efficientnet-lite0": ["0.000"],
        "recall_random": ["0.23"],
        "reconstruction_mse": ["0.01497"],
        "reconstruction_psnr": ["18.48"],
        "reconstruction_ssim": ["0.482"],
        "reconstruction_mse_heldout": ["0.01536"],
        "reconstruction_psnr_heldout": ["18.38"],
        "reconstruction_ssim_heldout": ["0.479"],
        "ms_ssim": ["0.571"],
        "ms_ssim_real": ["0.288"],
        "auth_pct_efficientnet-lite0": ["96.4"],
        "c_t_random": ["-10.3"],
    },
    ("pggan", "lfw-cpu"): {
        "fd_efficientnet-lite0": ["41.3"],
        "fd_random": ["0.0784"],
        "recall_efficientnet-lite0": ["0.002"],
        "recall_random": ["0.54"],
    },
    ("r1gan", "cifar10-cpu"): {
        "fd_efficientnet-lite0": ["40.0"],
        "fd_random": ["0.431"],
        "recall_efficientnet-lite0": ["0.13"],
        "recall_random": ["0.33"],
    },
    ("rothgan", "cifar10-cpu"): {
        "fd_efficientnet-lite0": ["85.8"],
        "fd_random": ["0.414"],
        "recall_efficientnet-lite0": ["0.01"],
        "recall_random": ["0.42"],
    },
    ("sngan", "cifar10-cpu"): {
        "fd_efficientnet-lite0": ["37.9"],
        "fd_random": ["0.366"],
        "recall_efficientnet-lite0": ["0.12"],
    },
    ("stylegan", "lfw-cpu"): {
        "fd_efficientnet-lite0": ["39.2"],
        "fd_random": ["0.129"],
        "precision_efficientnet-lite0": ["0.44"],
        "recall_efficientnet-lite0": ["0.004"],
    },
    ("ttur", "cifar10-cpu"): {
        "fd_efficientnet-lite0": ["96.7"],
        "fd_random": ["1.48"],
        "recall_efficientnet-lite0": ["0.00"],
        "recall_random": ["0.02"],
    },
    ("ttur", "cifar10-pair"): {"fd_random": ["5.78", "7.41"], "fd_efficientnet-lite0": ["268", "321"]},
    ("ttur", "cifar10-pair-orig"): {"fd_random": ["4.98", "3.22"], "fd_efficientnet-lite0": ["270", "292"]},
    ("vgan", "cifar10-cpu"): {
        "fd_efficientnet-lite0": ["37.2"],
        "fd_random": ["0.371"],
        "recall_efficientnet-lite0": ["0.12"],
        "recall_random": ["0.37"],
    },
}


@pytest.mark.parametrize(("paper", "recipe"), QUOTED)
def test_numbers_on_a_page_are_those_of_rows(paper, recipe):
    page = (ROOT / "reproductions" / paper / "README.md").read_text()
    rows = [row for _, row in read_rows(ROOT / "results") if (row["paper"], row["recipe"]) == (paper, recipe)]
    for metric, numbers in QUOTED[paper, recipe].items():
        for number in numbers:
            digits = len(number.partition(".")[2])
            assert number in page
            assert any(f"{row['metrics'].get(metric, 0):.{digits}f}" == number for row in rows), metric


def test_biggan_s_truncation_numbers_are_those_of_its_table():
    page = " ".join((ROOT / "reproductions/biggan/README.md").read_text().split())
    with (ROOT / "reproductions/biggan/truncation.csv").open() as file:
        found = {row["truncation"]: row for row in csv.DictReader(file)}
    told = f"0.84 at 1, {float(found['0.05']['fd_random']):.1f} at 0.05"
    assert f"{float(found['1.0']['fd_random']):.2f}" == "0.84"
    assert told in page


def test_why_readme_s_first_command_is_sngan_s_stands_in_rows():
    page = " ".join((ROOT / "reproductions/sngan/README.md").read_text().split())
    told = {
        "sngan": "{} of 277, 279 and 256 at seeds 0, 1 and 2 in bfloat16",
        "r1gan": "R1GAN's 234 and 221",
        "pggan": "PGGAN's 168 and 180",
        "vgan": "VGAN's 277 and 268",
        "introvae": "IntroVAE's 237 and 262",
        "ctgan": "CT-GAN (306, 332)",
        "rothgan": "the regularised GAN (320, 311)",
        "ttur": "TTUR (341, 329)",
        "biggan": "BigGAN's 260 and 260",
        "stylegan": "StyleGAN's 245 and 237",
    }
    for paper, sentence in told.items():
        assert sentence.format("FD EfficientNet-Lite0") in page
        rows = [row for _, row in read_rows(ROOT / "results") if (row["paper"], row["recipe"]) == (paper, "tiny")]
        seeds = {row["training"]["seed"]: row["metrics"]["fd_efficientnet-lite0"] for row in rows}
        numbers = [int(word) for word in re.findall(r"\b\d{3}\b", sentence)]
        assert numbers == [round(seeds[seed]) for seed in sorted(seeds)], paper
    rows = [row for _, row in read_rows(ROOT / "results") if (row["paper"], row["recipe"]) == ("sngan", "tiny")]
    whole = {row["training"]["seed"]: row for row in rows if row["training"]["precision"] == "32-true"}
    assert [round(whole[seed]["metrics"]["fd_efficientnet-lite0"]) for seed in range(3)] == [244, 352, 280]
    assert "and 244, 352 and 280 in float32 (AMD EPYC)" in page
    assert {row["training"]["precision"] for row in rows[-3:]} == {"bf16-mixed"}
    hours = {paper: [] for paper in told}
    for _, row in read_rows(ROOT / "results"):
        if row["recipe"] == "tiny" and row["training"]["hardware"] == "AMD EPYC" and row["paper"] in hours:
            hours[row["paper"]].append(round(3600 * row["training"]["hours"]))
    assert sorted(hours["r1gan"]) == [210, 211]
    assert "after 211 and 210 seconds of training where SNGAN's took 234 to 258" in page
    assert (min(hours["sngan"]), max(hours["sngan"])) == (234, 258)
    assert "VGAN's 277 and 268 took 291 seconds and more" in page
    assert min(hours["vgan"]) == 291
    later = [row for _, row in read_rows(ROOT / "results") if row["recipe"] == "tiny"]
    later = [round(3600 * row["training"]["hours"]) for row in later if row["paper"] in ("biggan", "stylegan")]
    assert f"trained in {min(later)} to {max(later)} seconds" in page


def test_who_is_ahead_of_vail_and_gail_stands_in_rows():
    rows = [json.loads(path.read_text()) for path in ROOT.glob("results/imitation/vail-pendulum*.json")]
    of = {(row["recipe"], row["training"]["seed"]): row["metrics"]["imitation_last10"] for row in rows}
    ahead = [of["pendulum-gail", seed] - of["pendulum", seed] for seed in range(5)]
    page = " ".join((ROOT / "reproductions/vail/README.md").read_text().split())
    assert f"GAIL is ahead with each of the five seeds, by {min(ahead):.0f} to {max(ahead):.0f}" in page


@pytest.mark.parametrize(
    ("paper", "recipe", "metrics"),
    [
        ("vail", "pendulum", ["imitation_last10", "cloned", "random"]),
        ("vail", "pendulum-gail", ["imitation_last10"]),
        ("vairl", "cmaze-cpu", ["imitation_last10", "transfer_last10"]),
        ("vairl", "cmaze-cpu-airl", ["imitation_last10", "transfer_last10"]),
    ],
)
def test_means_over_seeds_of_imitation_are_those_of_rows(paper, recipe, metrics):
    page = " ".join((ROOT / "reproductions" / paper / "README.md").read_text().split())
    rows = [json.loads(path.read_text()) for path in sorted(ROOT.glob(f"results/imitation/{paper}-*.json"))]
    for metric in metrics:
        values = [row["metrics"][metric] for row in rows if row["recipe"] == recipe]
        assert f"{statistics.mean(values):.1f} ± {statistics.pstdev(values):.1f}" in page, metric


def test_what_the_distances_are_worth_is_what_was_measured():
    page = " ".join((ROOT / "zoo/evaluation/README.md").read_text().split())
    table = (ROOT / "zoo/evaluation/distances.md").read_text()
    result = json.loads((ROOT / "zoo/evaluation/distances.json").read_text())
    assert distances.table(result) == table
    assert " ".join(table.split()) in page
    found, about = result["measures"], result["conditions"]
    times = {name: {k: [x / v[0] for x in v] for k, v in one["levels"].items()} for name, one in found.items()}
    net = times["fd_efficientnet-lite0"]
    tenth = {name: 100 * one["faces"][2] - 100 for name, one in times.items()}  # of the images are faces
    for told in (
        f"({about['n']:,} of them, {about['n_real']:,} others are the reference)",
        f"by {tenth['swd']:.0f} % (SWD) to {tenth['fwd-1']:.0f} % (FWD)",
        f"({100 * about['domain_accuracy']:.0f} % right on held-out images)",
        f"(8 levels: {net['noise'][1]:.1f} times)",
        f"five of ten classes gone cost {100 * net['missing classes'][3] - 100:.0f} %",
    ):
        assert told in page, told
    assert not any(distances.monotone(one["jpeg"]) for one in times.values())
    assert 1.15 < net["faces"][2] < 1.25  # a fifth
    bias = {name: one["bias"][-1] / one["bias"][0] for name, one in found.items()}
    assert 0.15 < bias["fd_random"] < 0.25  # a fifth
    assert 0.2 < bias["fd_efficientnet-lite0"] < 0.25  # less than a quarter


def test_what_is_said_of_copies_and_of_choices_stands_in_rows():
    page = " ".join((ROOT / "zoo/evaluation/README.md").read_text().split())
    rows = [row for _, row in read_rows(ROOT / "results")]
    over = [
        (value, row["metrics"][name.replace("c_t", "auth_pct")], row["paper"])
        for row in rows
        for name, value in row["metrics"].items()
        if name.startswith("c_t_")
    ]
    real, models = [x for x in over if x[2] == "real"], [x for x in over if x[2] != "real"]
    low = [x for x in models if x[0] < -3]
    assert f"down to {min(low)[0]:.0f}, with AuthPct of {min(x[1] for x in low):.0f} and more" in page
    assert f"from {min(real)[0]:.1f} to {max(real)[0]:.1f}" in page
    assert f"from {min(x[1] for x in real):.0f} to {max(x[1] for x in real):.0f}" in page
    assert not [x for x in models if x[0] < -3 and x[1] < 10], "copies?"

    floors = [row for row in rows if (row["paper"], row["recipe"]) == ("real", "tiny-others")]
    (floor,) = (row for row in floors if (row["data"]["n_images"], row["data"]["resolution"]) == (20_000, 32))
    for name, digits in (("fd_random", 3), ("fwd-1", 2)):
        mean, spread = floor["metrics"][name], floor["spread"][name]
        assert f"{100 * spread / mean:.0f} % (`{name}` {mean:.{digits}f} ± {spread:.{digits}f})" in page


def test_the_lottery_of_seeds_has_its_place():
    """`zoo leaderboard --check` holds what stands between the marks to the rows."""
    text = (ROOT / lottery.PAGE).read_text()
    assert text.count(begin(lottery.NAME)) == text.count(end(lottery.NAME)) == 1


def test_contributing_names_the_rooms():
    layers = (ROOT / "pyproject.toml").read_text().partition("layers = [")[2].partition("\n]")[0]
    rooms = {name for line in re.findall(r'"([^"]+)"', layers) for name in line.split(" | ")} - {"__main__"}
    text = (ROOT / "CONTRIBUTING.md").read_text().partition("Imports run only")[0]
    assert set(re.findall(r"`zoo/(\w+)/`", text)) == rooms
