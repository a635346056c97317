"""Several small trainings in a row, as one of W processes or as the only one; started by test_shares.py.

    LOCAL_RANK=r python many_papers.py W OUT CASES

CASES is JSON: name -> {"paper", "model", "data", "kimg"}. Every process leaves its weights in OUT/<name>-<rank>.pt.
"""

import json
import sys
from pathlib import Path

import lightning.pytorch as L
import torch

from zoo.data import Drawn
from zoo.engine.stop import Stop
from zoo.papers import paper_class


def train(paper: str, model: dict, data: dict, world: int) -> L.LightningModule:
    """A model after so many steps in float64."""
    torch.manual_seed(0)
    gan = paper_class(paper)(**model)
    drawn = Drawn(resolution=gan.resolution, **{"n_images": 64, "seed": 0} | data)
    drawn.enter(gan.stage)
    trainer = L.Trainer(
        accelerator="cpu",
        devices=world,
        strategy="ddp_find_unused_parameters_true" if world > 1 else "auto",
        precision="64-true",
        max_steps=-1,
        max_epochs=-1,
        reload_dataloaders_every_n_epochs=1,
        use_distributed_sampler=False,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[Stop()],
    )
    trainer.fit(gan, datamodule=drawn)
    return gan


def main() -> None:
    world, out, cases = int(sys.argv[1]), Path(sys.argv[2]), json.loads(Path(sys.argv[3]).read_text())
    for name, case in cases.items():
        gan = train(case["paper"], case["model"], case.get("data", {}), world)
        torch.save(gan.state_dict(), out / f"{name}-{gan.global_rank}.pt")


if __name__ == "__main__":
    main()
