"""Without a clone: the wheel in an empty folder lists, trains and ranks."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from runs import ROOT, own_cache  # noqa: F401

from zoo.training.recipes import compose, shortened


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """The wheel, built from this tree and unpacked; its dependencies are those of the environment."""
    pytest.importorskip("build", reason="no build here: pip install build")
    folder = tmp_path_factory.mktemp("wheel")
    tree = folder / "tree"
    names = ("zoo", "reproductions", "pyproject.toml", "setup.py", "README.md", "LICENSE")
    names += ("results/published.csv", "results/imitation/published.csv")
    for name in names:
        source, target = ROOT / name, tree / name
        if source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(["cp", "-r", str(source), str(target)], check=True)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(tree)]
    built = subprocess.run(command, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout[-2000:] + built.stderr[-2000:]
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def zoo(installed: Path, here: Path, *commands: list[str]) -> str:
    """What the installed command prints when it is called in an empty folder, once or more in one process."""
    environment = os.environ | {"PYTHONPATH": str(installed), "ZOO_CACHE": str(here / "cache"), "COLUMNS": "200"}
    code = f"from zoo.__main__ import main\nfor words in {commands!r}: main(words)"
    done = subprocess.run([sys.executable, "-c", code], cwd=here, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def test_list_train_and_leaderboard_in_an_empty_folder(installed, tmp_path):
    short = ("--model.total_kimg", "0.064", "--data.n_images", "64", "--evaluation.n_fake", "64")
    short += ("--evaluation.n_real", "64")
    train = ["train", "sngan", "tiny", *short, "--wandb", "false"]
    shown = zoo(installed, tmp_path, train, ["list"], ["leaderboard"])
    assert (tmp_path / "runs" / "sngan" / "tiny-001" / "checkpoints" / "last.ckpt").is_file()
    assert list((tmp_path / "results" / "sngan").glob("tiny-*.json"))
    assert "sngan" in shown
    assert "lfw-cpu" in shown
    page = (tmp_path / "results" / "README.md").read_text()
    assert "21.7" in page  # published
    assert "tiny" in page


def test_the_wheel_holds_every_recipe_and_its_demonstrations(installed):
    for ending in ("yaml", "npz"):
        for file in (ROOT / "reproductions").glob(f"*/*.{ending}"):
            assert (installed / "zoo" / file.relative_to(ROOT)).read_bytes() == file.read_bytes()
    for file in ("published.csv", "imitation/published.csv"):
        assert (installed / "zoo" / "published" / file).read_bytes() == (ROOT / "results" / file).read_bytes()


def test_a_short_run_needs_no_second_option():
    recipe = ROOT / "reproductions" / "sngan" / "tiny.yaml"
    config, _, _ = compose(recipe, ["--model.total_kimg", "1"])
    assert config["model"]["decay_start_kimg"] == 1
    config, _, _ = compose(recipe, ["--model.total_kimg=1", "--model.decay_start_kimg=13"])
    assert config["model"]["decay_start_kimg"] == 13
    assert compose(recipe, [])[0]["model"]["decay_start_kimg"] == 13
    warm = ROOT / "reproductions" / "introvae" / "tiny.yaml"
    assert compose(warm, ["--model.total_kimg", "1"])[0]["model"]["vae_kimg"] == 1
    assert shortened({"a_start_kimg": None, "b": 3}, {"total_kimg": 1}) == {"a_start_kimg": None, "b": 3}
