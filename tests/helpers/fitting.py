"""A module's own training steps under Lightning, for every test that replays some."""

import lightning.pytorch as L
import torch

from zoo.engine.gan import GAN


def fit(gan: L.LightningModule, batches: list, precision: str = "64-true") -> L.LightningModule:
    """Run the module's own training steps under Lightning, one for each batch."""
    trainer = L.Trainer(
        precision=precision,
        accelerator="cpu",
        max_steps=-1,
        max_epochs=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    if type(gan).on_train_batch_start is GAN.on_train_batch_start:
        gan.on_train_batch_start = lambda *_: None  # official vectors need not look like images
    trainer.fit(gan, torch.utils.data.DataLoader(batches, batch_size=None))
    return gan
