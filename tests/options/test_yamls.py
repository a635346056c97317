"""YAML files that users write: what is wrong in one is told with its name, key and line."""

import pytest

from zoo.leaderboard.claim_entries import read_claims
from zoo.options.yamls import read_yaml


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("model:\n  lr: 1\ndata: CIFAR10\nmodel:\n  beta1: 0\n", "model twice, in lines 1 and 4"),
        ("model: {lr: 1, beta1: 0, lr: 2}\n", "lr twice, in lines 1 and 1"),
        ("model:\n  lr_at: {4: 1,\n    8: 2, 4: 3}\n", "4 twice, in lines 2 and 3"),
        ("runs:\n- recipe: a\n- recipe: b\n  recipe: c\n", "recipe twice, in lines 3 and 4"),
    ],
)
def test_a_key_that_stands_twice_is_refused(text, told, tmp_path):
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(ValueError, match=f"mine.yaml names {told}"):
        read_yaml(tmp_path / "mine.yaml")
    with pytest.raises(ValueError, match=f"mine.yaml names {told}"):
        read_claims(tmp_path / "mine.yaml")


def test_what_an_anchor_brings_in_may_stand_again(tmp_path):
    text = "a: &a {x: 1, y: 2}\nb: &b {<<: *a, x: 3}\nc: [*a, *a]\n"
    (tmp_path / "mine.yaml").write_text(text)
    assert read_yaml(tmp_path / "mine.yaml")["b"] == {"x": 3, "y": 2}
    (tmp_path / "mine.yaml").write_text("a: &a {x: 1}\nb: &b {y: 2}\nc: {<<: *a, <<: *b}\n")
    assert read_yaml(tmp_path / "mine.yaml")["c"] == {"x": 1, "y": 2}
