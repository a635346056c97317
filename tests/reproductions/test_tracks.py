"""Recipes that are laid beside each other are scored in one way, in one precision, on the same images."""

from pathlib import Path

import pytest
import yaml

from zoo.training.recipes import compose

REPRODUCTIONS = Path(__file__).parents[2] / "reproductions"
SCORING = ("protocol", "rounding", "n_fake", "n_real", "n_seeds", "extractors", "truncation")
SCORING += ("is_splits", "kid_subsets", "kid_subset_size", "n_prdc")
HALF = {"biggan/same-budget": "bf16-mixed"}  # trained in another precision than the rest, as its head says
IMAGES = ("path", "test_path", "limit", "name")


def settings(recipe: Path) -> dict:
    """What of a recipe over the paper's decides how it is scored, on which images, and in which precision."""
    config, *_ = compose(recipe.parent / "paper.yaml", ["--config", str(recipe)])
    scoring = {"protocol": "zoo", "rounding": "round"} | config["evaluation"]
    images = config["data"]["init_args"]
    precision = config["trainer"]["precision"]
    if (half := HALF.get(f"{recipe.parent.name}/{recipe.stem}")) is not None:
        assert precision == half
        precision = "32-true"
    return {
        "scoring": {name: scoring.get(name) for name in SCORING},
        "images": {name: images.get(name) for name in IMAGES},
        "precision": precision,
    }


@pytest.mark.parametrize("track", ["same-budget", "cifar10-cpu", "lfw-cpu"])
def test_a_track_is_scored_in_one_way(track):
    recipes = sorted(p for p in REPRODUCTIONS.glob(f"*/{track}.yaml") if p.parent.name != "suites")
    assert len(recipes) > 2
    all_of_them = {yaml.safe_dump(settings(recipe)): recipe.parent.name for recipe in recipes}
    assert len(all_of_them) == 1, all_of_them
