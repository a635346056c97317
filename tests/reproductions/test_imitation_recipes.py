"""Every recipe of imitation learning parses over its script's default one, and finds its demonstrations."""

import pytest
from runs import ROOT

from zoo.imitation import algorithm_class
from zoo.training.imitate import parser_of
from zoo.training.recipes import compose

DEFAULT = {"vail": "pendulum", "vairl": "paper"}
RECIPES = sorted(p for name in DEFAULT for p in (ROOT / "reproductions" / name).glob("*.yaml"))


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_recipe_parses_and_builds(recipe, monkeypatch):
    """Over the script's recipe, and over those that its own launch line names before it."""
    name = recipe.parent.name
    launch = [line for line in recipe.read_text().splitlines() if line.startswith("#") and "reproductions/" in line]
    chain = [ROOT / word for line in launch for word in line.split() if word.endswith(".yaml")]
    assert recipe.stem == DEFAULT[name] or recipe in chain, "the header's launch line must name the recipe"
    default = recipe.with_name(f"{DEFAULT[name]}.yaml")
    assert default.name in (ROOT / "reproductions" / f"{name}.py").read_text()
    merged, _, last = compose(default, [w for p in chain for w in ("--config", str(p))])
    assert last == recipe.stem
    model = algorithm_class(name)
    config = parser_of(model).parse_object(merged).model.as_dict()
    built = model(**config | {"n_envs": 1})
    assert built.total_kimg * 1000 % (config["n_envs"] * config["horizon"]) == 0
    monkeypatch.chdir(ROOT)
    if recipe.stem != "smaze":  # its demonstrations are to be made first, as its header says
        built.read_demonstrations()
        assert len(built.demos.obs) >= 10
