"""The growing schedule: what must hold for any settings. The authors' own tables are compared in tests/golden."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo.engine.schedules import ProgressiveSchedule, gaussian_rampup, linear_rampup

schedules = st.builds(
    ProgressiveSchedule,
    resolution=st.sampled_from([8, 16, 32]),
    start_resolution=st.sampled_from([4, 8]),
    train_kimg=st.floats(0.01, 3),
    transition_kimg=st.sampled_from([0.0, 0.001, 0.5, 2.0]),
    batch_size=st.integers(1, 64),
    batch_size_at=st.dictionaries(st.sampled_from([4, 8, 16]), st.integers(1, 64)),
    repeats=st.integers(1, 4),
)


@given(schedules)
def test_a_walk_from_the_first_image_meets_the_stages_and_look_ups(schedule):
    """The training loop itself, looking the schedule up every `repeats` steps, against `at`."""
    nimg, seen, resets = 0, None, 0
    ends = {stage.end for _, stage in schedule.stages}
    for step in range(400):
        if step % schedule.repeats == 0:
            lod = schedule.lod(nimg)
            changed = seen is None or (math.floor(lod), math.ceil(lod)) != (math.floor(seen), math.ceil(seen))
            assert schedule.resets(nimg) == changed
            resets += changed
            seen = lod
        else:
            assert not schedule.resets(nimg)
        stage = schedule.at(nimg)
        assert stage.lod == seen
        assert stage.resolution == schedule.resolution_of(seen)
        assert stage.images_per_step == schedule.batch(stage.resolution)
        before, nimg = stage, nimg + stage.images_per_step
        assert (schedule.at(nimg).resolution != before.resolution) == (nimg in ends)
    assert resets >= 1


def test_rates_rise_and_then_stay():
    assert linear_rampup(0, 0) == gaussian_rampup(0, 0) == 1
    assert linear_rampup(5000, 10) == 0.5
    assert gaussian_rampup(0, 40) == math.exp(-5)
    assert gaussian_rampup(40_000, 40) == linear_rampup(10_000, 10) == 1
    schedule = ProgressiveSchedule(8, lr=0.1, lr_at={8: 0.2}, rampup_kimg=1, repeats=1, batch_size=10)
    assert schedule.at(500).lr == 0.05
    assert schedule.at(5_000_000).lr == 0.2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"resolution": 24}, "power of two"),
        ({"resolution": 8, "start_resolution": 16}, "exceeds"),
        ({"resolution": 8, "train_kimg": -1}, "negative"),
        ({"resolution": 8, "batch_size": 2, "num_gpus": 4}, "no image"),
    ],
)
def test_settings_that_cannot_work_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        ProgressiveSchedule(**options)
