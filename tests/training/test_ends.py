"""How a run that ends before its end says so."""

import pytest
from runs import own_cache, run  # noqa: F401


@pytest.mark.parametrize(
    ("paper", "words"),
    [("sngan", ["--trainer.max_steps", "2"]), ("pggan", ["--trainer.max_epochs", "1"])],
    ids=["steps", "epochs"],
)
def test_an_option_that_ends_training_early_is_told(paper, words, tmp_path, capsys):
    cli = run(paper, tmp_path, *words)
    said = capsys.readouterr().out
    assert not cli.model.finished
    assert f"stopped by {' '.join(words)}" in said
    assert f"saved {tmp_path / 'run-001' / 'checkpoints' / 'last.ckpt'}" in said
    assert f"go on with: the same command without {' '.join(words)}, and with --ckpt_path last" in said
    assert run(paper, tmp_path, "--ckpt_path", "last").model.finished
    assert "stopped by" not in capsys.readouterr().out


def test_a_callback_that_ends_training_early_is_told(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("zoo.training.samples.Samples.on_train_batch_end", lambda self, trainer, *_: stop(trainer))
    run("sngan", tmp_path)
    assert "stopped by a callback at 0.0 kimg, saved" in capsys.readouterr().out


def stop(trainer) -> None:
    trainer.should_stop = True
