"""The short runs behind the page of claims: what they score is what they have learned."""

import math

import pytest
import torch
from runs import ROOT

from zoo.training.loading import model_class
from zoo.training.suite import read_plan

PLAN = {f"{one.paper}/{one.recipe}": one for one in read_plan(ROOT / "reproductions" / "suites" / "claims.yaml")}


def steps(gan) -> list[tuple[int, int]]:
    """(images before, images) of every step of G."""
    found, nimg = [], 0
    while nimg < gan.total_kimg * 1000:
        stage = gan.stage_at(nimg)
        found.append((nimg, stage.images_per_step))
        nimg += stage.images_per_step
    return found


def left(gan, start: int) -> float:
    """Weight that the average of G at the end still gives to what it was at `start` images."""
    return math.prod(gan.ema.beta(nimg, n) for nimg, n in steps(gan) if nimg >= start)


@pytest.mark.parametrize("name", PLAN)
def test_the_average_has_forgotten_its_start_and_the_stages_before_the_last(name):
    with torch.device("meta"):
        gan = model_class(PLAN[name].paper)(**PLAN[name].model)
    if gan.ema is None:
        pytest.skip("keeps no average")
    assert left(gan, 0) < 0.01
    if hasattr(gan, "schedule"):
        last = gan.schedule.stages[-1][0]
        grown = next(nimg for nimg, _ in steps(gan) if gan.schedule.lod(nimg) == 0)
        assert left(gan, last) < 0.01
        assert gan.total_kimg * 1000 - grown >= 0.15 * gan.total_kimg * 1000, "no time is left at full size"
