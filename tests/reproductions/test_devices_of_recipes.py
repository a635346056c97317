"""Every recipe of images starts on any number of devices: networks on the meta device, checks, shares."""

import pytest
import torch
from runs import ROOT

from zoo.baselines import BASELINES
from zoo.engine.checks import reached
from zoo.papers import PAPERS
from zoo.ranks.share import Share
from zoo.training.devices import about_spread
from zoo.training.loading import model_class
from zoo.training.recipes import compose

DEVICES = (1, 2, 3, 4, 6, 8)
RECIPES = sorted(p for name in (*PAPERS, *BASELINES) for p in (ROOT / "reproductions" / name).glob("*.yaml"))


def built(recipe):
    """The recipe's model without memory or numbers, over the paper's recipe and those of its launch line."""
    words = [w for line in recipe.read_text().splitlines() if line.startswith("#") for w in line.split()]
    chain = [ROOT / w for w in words if w.endswith(".yaml") and w.startswith("reproductions/")]
    chain = chain[: chain.index(recipe) + 1] if recipe in chain else [recipe]
    files = [word for p in chain for word in ("--config", str(p))]
    script = chain[0].parent / "paper.yaml"
    with torch.device("meta"):
        return model_class(script.parent.name)(**compose(script, files)[0]["model"])


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_a_recipe_starts_on_any_number_of_devices(recipe, monkeypatch):
    gan = built(recipe)
    monkeypatch.setattr(type(gan), "trainer", type("T", (), {"datamodule": None}))
    for world in DEVICES:
        monkeypatch.setattr(type(gan), "world_size", world)
        if not type(gan).__name__.startswith("CTGAN_SSL"):  # looks at the data's labels too
            gan.on_fit_start()
        spread = about_spread(gan, world)
        for stage in reached(gan):
            shares = [Share(stage.images_per_step // stage.parts, r, world, stage.block) for r in range(world)]
            own = [share.own for share in shares]
            assert sum(own) * stage.parts == stage.images_per_step
            assert max(own) - min(own) <= stage.block
            if len(set(own)) > 1:
                assert spread
