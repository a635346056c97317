"""What the ranking says of luck and of floors."""

from zoo.leaderboard.ranking import against, half_width, of_floor


def row(value, paper="a", seed=0, **more):
    conditions = {"n_fake": 10, "extractors": {}}
    data = {"name": "d", "fingerprint": "f"}
    training = {"seed": seed, "nimg": 1}
    return {"paper": paper, "recipe": "r", "metrics": {"fd_random": value}, "conditions": conditions} | {
        "data": data,
        "training": training,
        **more,
    }


def test_overlapping_spreads_are_no_difference():
    a, b = row(1.0, spread={"fd_random": 0.2}), row(1.3, "b", spread={"fd_random": 0.2})
    assert against(b, a, [a, b]) == "no difference"
    far = row(1.5, "b", spread={"fd_random": 0.2})
    assert against(far, a, [a, far]) == ""
    alone = row(1.3, "b")
    assert against(alone, a, [a, alone]) == "unknown: one seed"


def test_training_seeds_are_a_band():
    a, again, b = row(1.0), row(2.0, seed=1), row(3.0, "b", spread={"fd_random": 0.6})
    assert half_width(a, [a, again, b]) == 0.5
    assert against(b, again, [a, again, b]) == "no difference"


def test_a_distance_is_told_as_a_multiple_of_the_floor():
    real, model = row(0.5, "real"), row(2.0)
    assert of_floor(model, [real, model]) == 4
    assert of_floor(model, [model]) is None
