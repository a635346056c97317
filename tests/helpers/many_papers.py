"""Several small trainings in a row, as a single process and as some; started by test_shares.py.

    python many_papers.py OUT CASES WORLD [WORLD ...]

CASES is JSON: name -> {"paper", "model", "data"}, or {"trainings": [...]} where a training goes on from the last
one's checkpoint. Each process of each world leaves its weights in OUT/<world>/<name>-<rank>.pt. The imports are done
once: the processes are forks.
"""

import json
import os
import socket
import sys
import traceback
from pathlib import Path

import lightning.pytorch as L
import torch
from lightning.pytorch.callbacks import Callback

from zoo.baselines import BASELINES, baseline_class
from zoo.data import Drawn
from zoo.engine.stop import Stop
from zoo.papers import paper_class
from zoo.training.devices import strategy_for


class SmallSteps(Callback):
    """Adam with an eps that a gradient of rounding alone, such as of a bias before batch norm, does not pass."""

    def on_fit_start(self, trainer: L.Trainer, gan: L.LightningModule) -> None:
        for optimizer in trainer.optimizers:
            for group in optimizer.param_groups:
                for name in {"eps", "epsilon_hat"} & group.keys():
                    group[name] = max(group[name], 1e-4)


def train(paper: str, model: dict, data: dict, world: int) -> L.LightningModule:
    """A model after so many steps in float64."""
    torch.manual_seed(0)
    gan = (baseline_class if paper in BASELINES else paper_class)(paper)(**model)
    drawn = Drawn(resolution=gan.resolution, **{"n_images": 64, "seed": 0} | data)
    drawn.enter(gan.stage)
    trainer = L.Trainer(
        accelerator="cpu",
        devices=world,
        strategy=strategy_for({"devices": world}),
        precision="64-true",
        max_steps=-1,
        max_epochs=-1,
        reload_dataloaders_every_n_epochs=1,
        use_distributed_sampler=False,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[Stop(), SmallSteps()],
    )
    trainer.fit(gan, datamodule=drawn)
    return gan


def run(out: Path, cases: dict, world: int) -> None:
    for name, case in cases.items():
        gan = train(case["paper"], case["model"], case.get("data", {}), world)
        torch.save(gan.state_dict(), out / f"{name}-{gan.global_rank}.pt")


def forked(out: Path, cases: dict, world: int) -> bool:
    """Run all cases on `world` processes; whether all went well."""
    out.mkdir()
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    children = []
    for rank in range(world):
        if pid := os.fork():
            children.append(pid)
            continue
        name = "lo" if sys.platform == "linux" else "lo0"  # no name resolution
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "GLOO_SOCKET_IFNAME": name}
        os.environ |= {"LOCAL_RANK": str(rank), "NODE_RANK": "0"} if world > 1 else {}
        try:
            run(out, cases, world)
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)
        os._exit(0)
    return all([os.waitpid(pid, 0)[1] == 0 for pid in children])


if __name__ == "__main__":
    torch.set_num_threads(1)
    _, base, given, *worlds = sys.argv
    loaded = json.loads(Path(given).read_text())
    sys.exit(not all([forked(Path(base, world), loaded, int(world)) for world in worlds]))
