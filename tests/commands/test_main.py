"""The `zoo` command, called as a function."""

import json
import sys
import zipfile

import pytest
import torch
from PIL import Image
from runs import ROOT, own_cache, run  # noqa: F401

from zoo.__main__ import main, switched


def test_list_shows_papers_and_recipes(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    main(["list"])
    shown = capsys.readouterr().out
    assert "sngan" in shown
    assert "cifar10" in shown


def test_sample_and_evaluate_a_checkpoint(tmp_path, monkeypatch, capsys):
    run("sngan", tmp_path)
    monkeypatch.chdir(tmp_path)
    last = str(tmp_path / "run-001" / "checkpoints" / "last.ckpt")
    main(["sample", last, "--n", "9", "--out", "grid.png"])
    assert Image.open("grid.png").size == (3 * 98 + 2, 3 * 98 + 2)
    with pytest.raises(SystemExit):
        main(["sample", last, "--label", "3"])
    assert "without classes" in capsys.readouterr().err
    (trained,) = (tmp_path / "results" / "sngan").glob("*.json")
    common = ["--n_fake", "16", "--extractors", "[random]", "--results_dir", "again"]
    main(["evaluate", last, *common])
    (again,) = (tmp_path / "again" / "sngan").glob("*.json")
    one, two = json.loads(trained.read_text()), json.loads(again.read_text())
    assert one["metrics"]["fd_random"] == pytest.approx(two["metrics"]["fd_random"], rel=1e-4)
    for key in ("nimg", "seed", "precision", "hardware", "world_size", "steps"):
        assert one["training"][key] == two["training"][key]
    assert one["training"]["hours"] == pytest.approx(two["training"]["hours"], abs=1e-3)
    assert one["data"] == two["data"]
    main(["evaluate", last, *common[:-1], "others", "--extras", "[ms_ssim]", "--threads", "1"])
    (other,) = (tmp_path / "others" / "sngan").glob("*.json")
    three = json.loads(other.read_text())["metrics"]
    assert "ms_ssim" in three
    assert "ms_ssim" not in two["metrics"]


def test_floor_of_a_recipe(tmp_path, capsys):
    recipe = tmp_path / "few.yaml"
    (tmp_path / "paper.yaml").write_text("model: {resolution: 8}\n")
    data = "data: {class_path: Drawn, init_args: {n_images: 120}}"
    recipe.write_text(f"{data}\nevaluation: {{extractors: [random], n_fake: 20, n_real: 40, kid_subsets: 2}}\n")
    main(["floor", str(recipe), "--n_seeds", "2", "--results_dir", str(tmp_path / "results")])
    assert "fd_random" in capsys.readouterr().out
    (file,) = (tmp_path / "results" / "real").glob("few-others-*.json")
    row = json.loads(file.read_text())
    assert row["conditions"]["n_fake"] == 20
    assert row["conditions"]["n_real"] == 40
    assert row["spread"]["fd_random"] > 0
    assert len(set(row["data"]["same_images"])) == 2  # with labels and without

    recipe.write_text(
        f"{data}\nevaluation: {{extractors: [random], protocol: sngan-2018}}\n"
    )  # 5,000 against 10,000
    with pytest.raises(SystemExit):
        main(["floor", str(recipe), "--results_dir", "null"])
    assert "5000 images that are not among the 10000 reals are not there" in capsys.readouterr().err


def test_weights_of_the_recipe_are_the_floor_s_too(tmp_path, capsys):
    recipe = tmp_path / "few.yaml"
    (tmp_path / "paper.yaml").write_text("model: {resolution: 8}\n")
    recipe.write_text("data: {class_path: Drawn}\nevaluation: {extractors: [inception], weights: none.pth}\n")
    for given in ([], ["--weights", "others.pth"]):
        with pytest.raises(SystemExit):
            main(["floor", str(recipe), "--results_dir", "null", *given])
        assert (given or ["", "none.pth"])[1] in capsys.readouterr().err


def test_floor_of_other_images_than_the_recipes(tmp_path):
    """`unseen` are faces like the reference's; a zip of dark noise is far from them, and near to itself."""
    recipe, dark = tmp_path / "few.yaml", tmp_path / "dark.zip"
    (tmp_path / "paper.yaml").write_text("model: {resolution: 8}\n")
    data = "data: {class_path: Drawn, init_args: {n_images: 120, limit: 80}}"
    recipe.write_text(f"{data}\nevaluation: {{extractors: [random], n_fake: 20, n_real: 40, kid_subsets: 2}}\n")
    torch.manual_seed(0)
    with zipfile.ZipFile(dark, "w") as archive:
        for i in range(60):
            Image.fromarray(torch.randint(0, 9, (8, 8, 3), dtype=torch.uint8).numpy()).save(tmp_path / "one.png")
            archive.write(tmp_path / "one.png", f"{i}.png")

    def row(kind, *options):
        main(["floor", str(recipe), "--n_seeds", "1", "--results_dir", str(tmp_path / "results"), *options])
        (file,) = (tmp_path / "results" / "real").glob(f"few-{kind}-*.json")
        found = json.loads(file.read_text())
        file.unlink()
        assert found["conditions"]["n_real"] == 40
        return found

    unseen, far = row("held-out", "--held_out", "unseen"), row("held-out", "--held_out", str(dark))
    own = row("others", "--data", str(dark))
    assert far["data"] == unseen["data"]
    assert own["data"]["fingerprint"] != unseen["data"]["fingerprint"]
    distances = [found["metrics"]["fd_random"] for found in (own, unseen, far)]
    assert 10 * distances[0] < distances[2]
    assert 2 * distances[1] < distances[2]


def test_prepare_makes_a_zip_that_trains(tmp_path, capsys):
    for label in ("a", "b"):
        (tmp_path / "raw" / label).mkdir(parents=True)
        for i in range(8):
            pixels = torch.randint(0, 256, (40, 50, 3), dtype=torch.uint8).numpy()
            Image.fromarray(pixels).save(tmp_path / "raw" / label / f"{i}.png")
    dest = tmp_path / "set-32.zip"
    main(["data", "prepare", "folder", str(tmp_path / "raw"), str(dest), "--resolution", "32"])
    assert "16 images in 2 classes at 32 px" in capsys.readouterr().out
    from zoo.data import ImageDataModule

    data = ImageDataModule(str(dest), resolution=32)
    data.setup("fit")
    assert len(data) == 16
    assert data.n_classes == 2


def test_leaderboard_check_fails_until_rendered(tmp_path, capsys):
    run("sngan", tmp_path)
    (tmp_path / "results" / "published.csv").write_bytes((ROOT / "results" / "published.csv").read_bytes())
    with pytest.raises(SystemExit):
        main(["leaderboard", "--results", str(tmp_path / "results"), "--check", "true"])
    assert "zoo leaderboard" in capsys.readouterr().err
    main(["leaderboard", "--results", str(tmp_path / "results")])
    main(["leaderboard", "--results", str(tmp_path / "results"), "--check", "true"])


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["sample", "nowhere.ckpt"], "no checkpoint at nowhere.ckpt"),
        (["sample", __file__], "test_main.py is not a checkpoint of this project, or it is damaged: take another"),
        (["sample", "nowhere.ckpt", "--n", "0"], "n takes a whole number from 1 to 10,000, not 0"),
        (["data", "prepare", "CelebA", "a", "b.zip"], "kind takes celebahq, ffhq, "),
        (
            ["data", "prepare", "imagenet", str(ROOT), "b.zip", "--resolution", "8", "--split", "foo"],
            "no split 'foo'",
        ),
        (["evaluate", "--real", "a", "--fake", "b", "--device", "gpu"], "there is no device gpu here"),
        (
            ["evaluate", "--real", "a", "--fake", "b", "--extractors", "random"],
            "takes a list such as [a,b], not random",
        ),
        (["evaluate", "nowhere.ckpt", "--results_dir", f"{__file__}/rows"], "no results row can be written"),
    ],
    ids=["checkpoint", "damaged", "number", "kind", "split", "device", "list", "results"],
)
def test_mistakes_are_one_sentence(args, words, capsys):
    with pytest.raises(SystemExit) as refused:
        main(args)
    assert refused.value.code == 2
    (line,) = [e for e in capsys.readouterr().err.splitlines() if e.startswith("error:")]
    assert words in line


def test_a_package_that_is_missing_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    (tmp_path / "a.parquet").touch()
    with pytest.raises(SystemExit):
        main(["data", "prepare", "folder", str(tmp_path), str(tmp_path / "b.zip"), "--resolution", "8"])
    assert "pip install 'gan-zoo[data]'" in capsys.readouterr().err


def test_train_domain_takes_one_data_set_or_several(capsys):
    for given in ("nowhere.zip", "[nowhere.zip,b.zip]"):
        with pytest.raises(SystemExit):
            main(["train-domain", given, "domain.pt", "--resolution", "32"])
        assert capsys.readouterr().err.startswith("error: no data set at nowhere.zip")


def test_what_is_true_or_false_is_a_switch_too(tmp_path, capsys):
    assert switched(["suite", "plan.yaml", "--dry_run"])[2:] == ["--dry_run=true"]
    assert switched(["bench", "data", "--path"]) == ["bench", "data", "--path"]
    plan = tmp_path / "plan.yaml"
    plan.write_text("runs:\n  - {recipe: sngan/tiny, seeds: [0]}\n")
    for given in (["--dry_run"], ["--dry_run", "true"], ["--dry_run", "--runs", str(tmp_path)]):
        main(["suite", str(plan), "--results", str(tmp_path / "results"), *given])
        assert "1 of 1 runs left" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["claims", "--results", str(tmp_path), "--check"])
    assert "claims.yaml" in capsys.readouterr().err


def test_no_extras_at_all_can_be_said(monkeypatch):
    given = []
    monkeypatch.setattr("zoo.evaluation.folders.compare", lambda *_, **options: given.append(options["extras"]))
    monkeypatch.setattr("zoo.evaluation.folders.report", str)
    for words in (["--extras", "[]"], ["--extras=[]"], ["--extras", "[swd]"], []):
        main(["evaluate", "--real", "a", "--fake", "b", *words])
    assert given == [[], [], ["swd"], None]
    with pytest.raises(SystemExit):
        main(["evaluate", "--real", "a", "--fake", "b", "--extractors", "[]", "--extras", "[]"])
