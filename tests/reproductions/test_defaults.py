"""Defaults in code are the paper's: each class's arguments against its `paper.yaml`."""

import pytest
import torch
import yaml
from runs import ROOT

from zoo.baselines import BASELINES
from zoo.options.checked import defaults as options
from zoo.papers import PAPERS
from zoo.training.loading import model_class

#: arguments whose default is another than the recipe's, and why
EXCEPTIONS = {
    ("pggan", "batch_size_at"): "a table would overrule `batch_size` in silence where the class is used alone",
    ("stylegan", "batch_size_at"): "as pggan",
    ("stylegan", "lr_at"): "a table would overrule `lr` in silence where the class is used alone",
}


def defaults(name: str) -> tuple[dict, dict]:
    """The class's defaults, and the settings of its paper's recipe."""
    recipe = yaml.safe_load((ROOT / "reproductions" / name / "paper.yaml").read_text())
    return options(model_class(name)), recipe.get("model") or {}


def plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


@pytest.mark.parametrize("name", [*PAPERS, *BASELINES])
def test_a_class_defaults_to_its_papers_recipe(name):
    code, recipe = defaults(name)
    differing = {k for k, v in recipe.items() if plain(code[k]) != v}
    chosen = {k for k in differing if code[k] is None}  # None: the paper's for the resolution and architecture
    assert {(name, k) for k in differing - chosen} == set()
    named = {(name, k) for k in chosen if (name, k) in EXCEPTIONS}
    assert {key for key in EXCEPTIONS if key[0] == name} == named
    if chosen := {k for k in chosen if (name, k) not in EXCEPTIONS}:
        fast = {"init": "normal"} if "init" in code else {}  # orthogonal starts of full networks cost minutes
        with torch.device("meta"):
            by_recipe = model_class(name)(**(recipe | fast))
            by_code = model_class(name)(**({k: v for k, v in recipe.items() if k not in chosen} | fast))
        shapes = [{k: v.shape for k, v in m.named_parameters()} for m in (by_recipe, by_code)]
        assert shapes[0] == shapes[1]
        rates = [[m.p for m in one.modules() if isinstance(m, torch.nn.Dropout)] for one in (by_recipe, by_code)]
        assert rates[0] == rates[1]
