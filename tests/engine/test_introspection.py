"""The watch over an introspective game: each way to lose is named once, and an explosion stops the run."""

from types import SimpleNamespace

import pytest

from zoo.engine.failures import Diverged
from zoo.engine.introspection import Introspection


def game(tmp_path, **more) -> tuple[SimpleNamespace, SimpleNamespace]:
    """A trainer and a model of 1,000 steps of 10 images that logs at each, the first fifth of them a warm-up."""
    trainer = SimpleNamespace(
        log_every_n_steps=1,
        is_global_zero=True,
        default_root_dir=str(tmp_path),
        strategy=SimpleNamespace(reduce_boolean_decision=lambda decision, all: decision),
    )
    gan = SimpleNamespace(
        nimg=0, images_per_step=10, margin=50.0, latent_dim=8, vae_kimg=2, total_kimg=10, scalars={}, **more
    )
    return trainer, gan


def play(watch: Introspection, trainer, gan, steps: int, **kls: float) -> None:
    for _ in range(steps):
        gan.nimg += gan.images_per_step
        gan.scalars = {f"L_REG/{name}": value for name, value in kls.items()}
        watch.on_train_batch_end(trainer, gan, None, None, 0)


def test_a_healthy_game_is_silent(tmp_path, capsys):
    watch, (trainer, gan) = Introspection(), game(tmp_path)
    play(watch, trainer, gan, 200, real=40)  # warm-up
    play(watch, trainer, gan, 800, real=30, reconstruction=45, sample=52)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("kls", "name"),
    [
        ({"real": 40, "reconstruction": 55, "sample": 35}, "encoder fooled"),
        ({"real": 60, "reconstruction": 70, "sample": 70}, "margin reached by images"),
        ({"real": 20, "reconstruction": 25, "sample": 30}, "margin never reached"),
    ],
)
def test_each_fault_is_told_once_with_the_numbers(tmp_path, capsys, kls, name):
    watch, (trainer, gan) = Introspection(), game(tmp_path)
    play(watch, trainer, gan, 200, real=40)
    play(watch, trainer, gan, 800, **kls)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"warning: {name} by ")
    assert f"samples {kls['sample']:.1f}, margin 50" in line
    assert "--model." in line


def test_a_moment_is_no_fault(tmp_path, capsys):
    watch, (trainer, gan) = Introspection(), game(tmp_path)
    for _ in range(20):
        play(watch, trainer, gan, 9, real=40, reconstruction=55, sample=35)
        play(watch, trainer, gan, 1, real=40, reconstruction=55, sample=55)
    assert capsys.readouterr().err == ""


def test_what_was_told_is_not_told_again_after_a_resume(tmp_path, capsys):
    watch, (trainer, gan) = Introspection(), game(tmp_path)
    play(watch, trainer, gan, 20, real=40, reconstruction=55, sample=35)
    assert "encoder fooled" in capsys.readouterr().err
    again = Introspection()
    again.load_state_dict(watch.state_dict())
    play(again, trainer, gan, 20, real=40, reconstruction=55, sample=35)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("exploded", [{"real": 1e6}, {"real": 40, "reconstruction": 1e6, "sample": 40}])
def test_an_explosion_stops_the_run_and_names_itself(tmp_path, exploded):
    watch, (trainer, gan) = Introspection(), game(tmp_path)
    with pytest.raises(
        Diverged, match=r"the KL of (real|reconstruction) \(1e\+06\) exploded at 0.0 kimg, past 5000 nats"
    ):
        play(watch, trainer, gan, 1, **exploded)


def test_only_logged_steps_are_judged(tmp_path):
    watch, (trainer, gan) = Introspection(), game(tmp_path)
    trainer.log_every_n_steps = 7
    play(watch, trainer, gan, 6, real=1e9)
    with pytest.raises(Diverged):
        play(watch, trainer, gan, 1, real=1e9)
