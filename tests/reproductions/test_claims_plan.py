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


def fault(one) -> str | None:
    """What a run scores beside what it has learned, or None: it keeps no average, or one that has forgotten."""
    with torch.device("meta"):
        gan = model_class(one.paper)(**one.model)
    if gan.ema is None:
        return None
    if left(gan, 0) >= 0.01:
        return "the average still holds its start"
    if hasattr(gan, "schedule"):
        last = gan.schedule.stages[-1][0]
        grown = next(nimg for nimg, _ in steps(gan) if gan.schedule.lod(nimg) == 0)
        if left(gan, last) >= 0.01:
            return "the average still holds the stages before the last"
        if gan.total_kimg * 1000 - grown < 0.15 * gan.total_kimg * 1000:
            return "no time is left at full size"
    return None


@pytest.mark.parametrize("paper", sorted({one.paper for one in PLAN.values()}))
def test_the_average_has_forgotten_its_start_and_the_stages_before_the_last(paper):
    faults = {name: fault(one) for name, one in PLAN.items() if one.paper == paper}
    assert {name: what for name, what in faults.items() if what} == {}


def test_a_slow_average_is_seen():
    one = PLAN["pggan/modes-k4-cpu"]
    slow = type(one)(**{**vars(one), "model": one.model | {"ema_decay": 0.999}})
    assert fault(slow) == "the average still holds its start"
