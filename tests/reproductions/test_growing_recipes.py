"""One training step of every recipe of the growing papers: sizes are shrunken, all else is the recipe's."""

from pathlib import Path

import pytest
import torch

from zoo.papers import paper_class
from zoo.training.cli import TRAINER
from zoo.training.recipes import compose

ROOT = Path(__file__).parents[2]
#: all but those of the mode test, whose networks have their own test in tests/papers/test_rivals.py
RECIPES = sorted(p for paper in ("pggan", "stylegan") for p in (ROOT / "reproductions" / paper).glob("*.yaml"))
RECIPES = [p for p in RECIPES if not p.stem.startswith("modes")]

#: 16 px in mid-fade from 8 px, four images a step
SHRUNKEN = {"resolution": 16, "start_resolution": 8, "fmap_base": 32, "fmap_max": 4, "latent_dim": 4}
SHRUNKEN |= {
    "batch_size": 4,
    "batch_size_at": {},
    "train_kimg": 0.016,
    "transition_kimg": 0.032,
    "total_kimg": 0.036,
}
OWN = {"stylegan": {"w_dim": 4, "mapping_width": 4}, "pggan": {"n_critic": 1}}
FADING = 32  # images: half of the fade; a look-up of the schedule for one and for four steps


def settings(recipe: Path) -> dict:
    """The model's, over the paper's recipe and those that the launch line names before this one."""
    words = [w for line in recipe.read_text().splitlines() if line.startswith("#") for w in line.split()]
    chain = [ROOT / w for w in words if w.endswith(".yaml") and w.startswith("reproductions/")]
    chain = chain[: chain.index(recipe) + 1] if recipe in chain else []
    return compose(recipe.parent / "paper.yaml", [w for p in chain for w in ("--config", str(p))])[0]["model"]


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_one_step_at_a_shrunken_size(recipe):
    import lightning.pytorch as L

    kept = settings(recipe)
    small = SHRUNKEN | OWN[recipe.parent.name]
    torch.manual_seed(0)
    gan = paper_class(recipe.parent.name)(**kept | small)
    gan.nimg = FADING
    before = {name: value.clone() for name, value in gan.state_dict().items() if isinstance(value, torch.Tensor)}
    label = torch.tensor([0, 1, 1, 0]) if gan.n_classes else None
    trainer = L.Trainer(
        **TRAINER | {"max_epochs": 1},
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
    )
    trainer.fit(gan, torch.utils.data.DataLoader([(2 * torch.rand(4, 3, 16, 16) - 1, label)], batch_size=None))

    assert gan.nimg == FADING + 4
    assert gan.scalars["lod"] == 0.5
    assert all(torch.as_tensor(value).isfinite().all() for value in gan.scalars.values())
    after = gan.state_dict()
    moved = {name for name, value in before.items() if not torch.equal(after[name], value)}
    for net, rgb in (("G", "to_rgb" if "G.to_rgb.0.weight" in before else "synthesis.to_rgb"), ("D", "from_rgb")):
        assert {f"{net}.{rgb}.{level}.weight" for level in (1, 2)} <= moved
        assert f"{net}.{rgb}.0.weight" not in moved  # 4 px, no longer in use
    # the average has G as it was before its first step; w's running mean and batch norm's statistics are copied
    copied = {f"G_ema.{name}" for name, _ in gan.G.named_buffers()} | {"G_ema.w_avg"}
    assert {name for name in moved if name.startswith("G_ema.")} <= copied
    expected = {k: v for k, v in kept.items() if k not in small}
    assert {k: v for k, v in gan.hparams.items() if k in expected} == expected
