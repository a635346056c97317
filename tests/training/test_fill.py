"""`zoo leaderboard --fill`: what old rows lack comes from their checkpoints, and only from theirs."""

import json
import shutil

import pytest
import torch
from runs import own_cache, run  # noqa: F401

from zoo.__main__ import main
from zoo.evaluation.extractors import Extractor, build
from zoo.leaderboard.rows import read_rows
from zoo.training import fill


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run, and its row without wavelets, as rows of before them were."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZOO_CACHE", str(folder / "cache"))
        patch.delenv("ZOO_RUN_DIR", raising=False)
        run("sngan", folder, "--run_dir", str(folder / "runs" / "sngan" / "small"))
    ((path, row),) = read_rows(folder / "results")
    later = ("fwd-1", "auth_pct_random", "c_t_random")
    row["metrics"] = {k: v for k, v in row["metrics"].items() if k not in later}
    del row["nearest"]
    (folder / "results" / row["samples"].replace(".png", "-nearest.png")).unlink()
    path.write_text(json.dumps(row))
    return folder


@pytest.fixture
def place(trained, tmp_path, monkeypatch):
    """A copy of it, with stand-ins where FID's weights and EfficientNet's would be."""
    shutil.copytree(trained, tmp_path / "there")
    net = build("random").net
    stand_in = {
        "inception": Extractor("inception", "inception-2015-12-05:00000000", "none", Scores(net)),
        "efficientnet-lite0": Extractor("efficientnet-lite0", "efficientnet-lite0:0", "none", net),
        "random": build("random"),
    }
    monkeypatch.setattr("zoo.evaluation.evaluate.build", lambda name, weights=None: stand_in[name])
    return tmp_path / "there"


class Scores(torch.nn.Module):
    """Features with logits."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, images):
        features = self.net(images)[0]
        return features, features[:, :10]


def test_missing_metrics_are_added_and_marked(place, capsys):
    ((path, before),) = read_rows(place / "results")
    main(["leaderboard", "--results", str(place / "results"), "--runs", str(place / "runs"), "--fill"])
    ((_, after),) = read_rows(place / "results")
    new = {"fid", "is_mean", "kid", "fd_efficientnet-lite0", "fwd-1"}
    assert new <= after["metrics"].keys()
    assert new <= after["filled"].keys()
    assert not after["filled"].keys() & before["metrics"].keys()
    assert {k: after["metrics"][k] for k in before["metrics"]} == before["metrics"]
    assert not after["absent"].keys() & after["metrics"].keys()
    assert set(after["conditions"]["extractors"]) == {"inception", "efficientnet-lite0", "random"}
    assert after["metrics"]["fd_efficientnet-lite0"] == pytest.approx(before["metrics"]["fd_random"], rel=1e-3)
    assert "1 rows filled" in capsys.readouterr().out
    assert "†" in (place / "results" / "README.md").read_text()
    main(["leaderboard", "--results", str(place / "results"), "--runs", str(place / "runs"), "--fill"])
    assert "0 rows filled" in capsys.readouterr().out
    assert path.is_file()
    assert (place / "results" / after["samples"].replace(".png", "-nearest.png")).is_file()
    assert after["nearest"]["pixels"] == 64
    assert {"auth_pct_random", "c_t_inception"} <= after["metrics"].keys()


def test_extras_over_a_new_extractor_are_looked_for_over_it_alone(place):
    ((_, row),) = read_rows(place / "results")
    known, new = build("random"), Extractor("new", "new:0", "none", build("random").net)
    row["metrics"] |= {"fwd-1": 1.0, "auth_pct_random": 50.0, "c_t_random": 0.0}
    assert fill.lacking(row, [known, new]) == ([new], ["auth_pct", "c_t"])
    row["metrics"] |= {"auth_pct_new": 50.0, "c_t_new": 0.0}
    assert fill.lacking(row, [known, new]) == ([new], [])
    row["metrics"]["fd_new"] = 1.0
    assert fill.lacking(row, [known, new]) == ([], [])


def test_classes_and_reasons_come_with_what_is_added():
    row = {
        "metrics": {"fd_random": 1.0},
        "absent": {"fid": "the download failed"},
        "classes": {"intra_fd_random": {"0": 2.0}},
    }
    row["conditions"] = {"extractors": {}}
    result = {
        "metrics": {"fd_random": 1.1, "intra_fid": 5.0},
        "classes": {"intra_fd_random": {"0": 9.0}, "intra_fid": {"0": 5.0}},
        "absent": {"c_t": "none is kept from training", "fd_random": "of no matter"},
        "notes": {},
        "conditions": {"extractors": {}},
    }
    new, added = fill.filled(row, result, "today", {"commit": "c", "dirty": False})
    assert added == ["intra_fid"]
    assert new["classes"] == {"intra_fd_random": {"0": 2.0}, "intra_fid": {"0": 5.0}}
    assert new["absent"] == {"fid": "the download failed", "c_t": "none is kept from training"}
    assert new["metrics"] == {"fd_random": 1.0, "intra_fid": 5.0}


def test_what_the_data_rule_out_is_looked_for_once(place, monkeypatch):
    monkeypatch.setattr(fill, "data_to_score", lambda *a, real=fill.data_to_score: without_unseen(real(*a)))
    told = []
    assert len(fill.fill(place / "results", place / "runs", report=told.append)) == 1
    ((path, row),) = read_rows(place / "results")
    assert "keeps no images from training" in row["absent"]["c_t"]
    before = path.read_bytes()
    assert fill.fill(place / "results", place / "runs", report=told.append) == []
    assert path.read_bytes() == before
    assert len(told) == 1


def without_unseen(data):
    data.unseen = lambda: None
    return data


def test_a_sheet_that_is_lacking_is_drawn(place):
    ((path, _),) = read_rows(place / "results")
    fill.fill(place / "results", place / "runs", report=lambda _: None)
    ((_, whole),) = read_rows(place / "results")
    del whole["nearest"]
    path.write_text(json.dumps(whole))
    told = []
    assert fill.fill(place / "results", place / "runs", report=told.append) == [path]
    assert "added the sheet of nearest images" in told[-1]
    assert read_rows(place / "results")[0][1]["metrics"] == whole["metrics"]


def test_an_extra_that_the_data_rule_out_is_not_looked_for_again(place):
    ((_, row),) = read_rows(place / "results")
    random = [build("random")]
    assert fill.lacking(row, random) == (random, ["fwd", "auth_pct", "c_t"])
    row["metrics"] |= {"fwd-1": 1.0, "auth_pct_random": 50.0}
    assert fill.lacking(row | {"absent": {"c_t": "d keeps no images from training"}}, random) == ([], [])
    assert fill.lacking(row | {"absent": {"c_t_random": "C_T needs images in one cell"}}, random) == ([], [])
    offline = {"c_t": "no weights here and the download failed (x)"}
    assert fill.lacking(row | {"absent": offline}, random) == (random, ["c_t"])


def test_a_lost_checkpoint_leaves_the_row(place, tmp_path):
    told = []
    ((_, before),) = read_rows(place / "results")
    (lost := tmp_path / "lost").mkdir()
    assert fill.fill(place / "results", lost, report=told.append) == []
    assert "its checkpoint is not under" in told[-1]
    assert read_rows(place / "results")[0][1] == before


def test_a_damaged_checkpoint_stops_no_other_row(place):
    for path in (place / "runs").glob("*/*/checkpoints/*.ckpt"):
        path.write_bytes(b"PK")
    told = []
    assert fill.fill(place / "results", place / "runs", report=told.append) == []
    assert "its checkpoint is not under" in told[-1]


@pytest.mark.parametrize("change", ["metric", "data", "nimg"])
def test_another_model_or_set_fills_nothing(place, change):
    ((path, row),) = read_rows(place / "results")
    if change == "metric":
        row["metrics"]["fd_random"] *= 1.5
    elif change == "data":
        row["data"]["fingerprint"] = "0" * 64
    else:
        row["training"]["nimg"] += 1
    path.write_text(json.dumps(row))
    told = []
    assert fill.fill(place / "results", place / "runs", report=told.append) == []
    words = {"metric": "another model", "data": "not the data of the row", "nimg": "its checkpoint is not under"}
    assert words[change] in told[-1]


def test_check_and_fill_exclude_each_other(place, capsys):
    with pytest.raises(SystemExit):
        main(["leaderboard", "--results", str(place / "results"), "--check", "--fill"])
    assert "give one of them" in capsys.readouterr().err


def test_every_new_row_has_fid_where_the_weights_are(tmp_path, monkeypatch):
    """By stand-in weights under Inception's name: FID, IS and KID, and the other distances beside them."""
    stand_in = Extractor("inception", "inception-2015-12-05:00000000", "none", Scores(build("random").net))
    monkeypatch.setattr(
        "zoo.evaluation.evaluate.build", lambda name, weights=None: stand_in if name == "inception" else build(name)
    )
    run(
        "sngan",
        tmp_path,
        "--evaluation.extractors",
        "[inception,random]",
        "--evaluation.is_splits",
        "2",
        "--evaluation.extras",
        "[fwd]",
        kimg=0.032,
    )
    ((_, row),) = read_rows(tmp_path / "results")
    assert {"fid", "is_mean", "is_std", "kid", "fd_random", "fwd-1"} <= row["metrics"].keys()
    assert "fid" not in row["absent"]
