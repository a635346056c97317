"""TTUR's iterations: how often each player moves, at which rate, and a WGAN-GP run that is stopped and goes on."""

import pytest
import torch
from fitting import fit
from runs import assert_same_training, final_state, own_cache, run  # noqa: F401

from zoo.papers.ttur import TTUR


class Counted(TTUR):
    """Notes who is updated, with how many images, and takes no step."""

    def __init__(self, **settings) -> None:
        super().__init__(resolution=16, width_g=1, width_d=1, latent_dim=3, batch_size=4, **settings)
        self.moves: list[str] = []
        self.drawn: list[torch.Tensor] = []
        self.opt = {}

    opt_g = property(lambda self: self.opt["g"])
    opt_d = property(lambda self: self.opt["d"])

    def update(self, optimizer, loss, clip=None) -> None:
        assert loss.isfinite()
        self.moves.append("g" if optimizer is self.opt["g"] else "d")

    def latents(self, n):
        self.drawn.append(super().latents(n))
        return self.drawn[-1]

    def report(self, scalars) -> None:
        self.nimg += self.images_per_step


def play(steps: int, **settings) -> Counted:
    gan = Counted(**settings)
    gan.opt = dict(zip("gd", gan.configure_optimizers(), strict=True))
    for _ in range(steps):
        gan.training_step((torch.rand(gan.images_per_step, 3, 16, 16), None), 0)
    return gan


@pytest.mark.parametrize(
    ("game", "n_dis", "moves"),
    [("dcgan", 1, "dgdg"), ("dcgan", 2, "ddgddg"), ("wgan-gp", 1, "dgd"), ("wgan-gp", 5, "dddddgddddd")],
)
def test_order_and_number_of_updates(game, n_dis, moves):
    gan = play(2, game=game, n_dis=n_dis)
    assert "".join(gan.moves) == moves
    # DCGAN's G plays on D's last latents, WGAN-GP's on new ones
    assert len(gan.drawn) == moves.count("d") + (moves.count("g") if game == "wgan-gp" else 0)


def test_each_player_has_its_rate_and_d_comes_first_in_the_paper_s_pairs():
    gan = play(0, lr_d=0.25, lr_g=0.5, beta1=0.1, beta2=0.2)
    for player, lr in (("d", 0.25), ("g", 0.5)):
        (group,) = gan.opt[player].param_groups
        assert (group["lr"], group["betas"]) == (lr, (0.1, 0.2))
        assert group["params"][0] is next((gan.D if player == "d" else gan.G).parameters())


def test_wgan_gp_with_a_packed_critic_stops_and_goes_on_as_if_it_had_not(tmp_path, capsys):
    game = ("--model.game", "wgan-gp", "--model.pack", "4", "--model.n_dis", "2", "--model.batch_size", "16")
    run("ttur", tmp_path / "whole", *game, kimg=0.16)
    run("ttur", tmp_path / "halves", *game, kimg=0.064)
    cli = run("ttur", tmp_path / "halves", *game, "--ckpt_path", "last", kimg=0.16)
    assert "total_kimg 0.064 -> 0.16" in capsys.readouterr().out
    assert_same_training(final_state(tmp_path / "whole" / "run-001"), final_state(cli.run.folder))


def test_a_pack_must_divide_the_batch(tmp_path, capsys):
    with pytest.raises(SystemExit):
        run("ttur", tmp_path, "--model.game", "wgan-gp", "--model.pack", "3")
    assert (
        "pack 3 does not divide batch_size 32: change --model.pack or --model.batch_size" in capsys.readouterr().err
    )


def test_gs_running_averages_move_four_times_an_iteration_twice_on_the_updated_g():
    """D's step, G's step, and the two losses told after both (model.py:336-350)."""
    gan = TTUR(resolution=16, width_g=1, width_d=1, latent_dim=3, batch_size=4, lr_g=0.01)
    weight, passes = next(gan.G.parameters()), []
    gan.G.register_forward_hook(lambda G, *_: passes.append((G.training, weight.detach().clone())))
    fit(gan, [(torch.rand(4, 3, 16, 16), None)])
    assert [training for training, _ in passes] == [True] * 4
    first, *rest = (w for _, w in passes)
    assert [torch.equal(first, w) for w in rest] == [True, False, False]
