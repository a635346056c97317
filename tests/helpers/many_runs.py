"""`python reproductions/X.py --trainer.devices N` for all ten papers, each process a fork.

    python many_runs.py OUT N [PAPER ...]        started by test_many_devices.py

A run's folder is OUT/<paper>-001, what rank 0 prints OUT/<paper>.txt, its row lies in OUT/results. The recipes' own
batches where they are small enough, narrow networks, stages cut short: PGGAN and StyleGAN pass all to 1024 px.
"""

import contextlib
import io
import os
import runpy
import sys
import time
import zipfile
from functools import partial
from pathlib import Path

import torch
from forks import forked
from lightning.pytorch.utilities.rank_zero import rank_zero_only
from PIL import Image

import zoo.training.cli  # noqa: F401  before the processes are forked
from zoo.papers import paper_class

ROOT = Path(__file__).parents[2]
#: without sheets of 1024 px, which cost as much as the steps
GROWING = (
    "--data ImageDataModule --data.path {pyramid} --model.fmap_base 1024 --model.fmap_max 1 --model.latent_dim 4 "
    "--samples.every_kimg 0 --evaluation.extras [] --evaluation.grid 0"
)
DRAWN = "--data Drawn --data.n_images 64"
CLASSES = f"{DRAWN} --model.n_classes 10"
#: BigGAN's batch of 2048 is 14, and StyleGAN's before 128 px are 16
NARROW = {
    "biggan": f"{CLASSES} --model.resolution 32 --model.width_g 2 --model.width_d 2 --model.latent_dim 8 "
    "--model.shared_dim 4 --model.attention_g [16] --model.attention_d [16] "
    "--model.batch_size 14 --model.batch_size_g 14 --model.standing_passes 1 --model.total_kimg 0.028 "
    "--trainer.precision 32-true",
    "ctgan": f"{CLASSES} --model.width_g 2 --model.width_d 2 --model.latent_dim 4 --model.total_kimg 0.32",
    "introvae": f"{DRAWN} --model.resolution 64 --model.widths [1,1,1,1] "
    "--model.latent_dim 4 --model.vae_kimg 0.012 --model.total_kimg 0.024 --evaluation.extras []",
    "pggan": f"{GROWING} --config {ROOT}/reproductions/pggan/paper.yaml --model.train_kimg 0.012 "
    "--model.transition_kimg 0.004 --model.total_kimg 0.131",
    "r1gan": f"{CLASSES} --model.architecture resnet --model.width_g 1 --model.width_d 1 --model.max_width 2 "
    "--model.latent_dim 4 --model.embed_dim 4 --model.total_kimg 0.128 --evaluation.extras []",
    "rothgan": f"{DRAWN} --model.width_g 2 --model.width_d 2 --model.latent_dim 4 --model.total_kimg 0.128 "
    "--evaluation.extras []",
    "sngan": f"{CLASSES} --model.resolution 32 --model.architecture resnet --model.width_g 2 --model.width_d 2 "
    "--model.latent_dim 4 --model.decay_start_kimg 0 --model.total_kimg 0.32",
    "stylegan": f"{GROWING} --config {ROOT}/reproductions/stylegan/1gpu.yaml --model.w_dim 4 "
    "--model.mapping_width 4 --model.batch_size_at.8 16 --model.batch_size_at.16 16 --model.batch_size_at.32 16 "
    "--model.batch_size_at.64 16 --model.repeats 1 --model.train_kimg 0.012 "
    "--model.transition_kimg 0.004 --model.total_kimg 0.116",
    "ttur": f"{DRAWN} --model.width_g 2 --model.width_d 2 --model.latent_dim 4 --model.total_kimg 0.128 "
    "--evaluation.extras []",
    "vgan": f"{DRAWN} --model.width_g 2 --model.width_d 2 --model.max_width 4 --model.code_channels 2 "
    "--model.latent_dim 4 --model.total_kimg 0.128",
}
LITTLE = (
    "--trainer.accelerator cpu --trainer.log_every_n_steps 1 --wandb false --samples.n 1 "
    "--evaluation.extractors [random] --evaluation.n_fake 4 --evaluation.n_real 4 --evaluation.kid_subsets 1 "
    "--evaluation.is_splits 1 --evaluation.grid 1"
)


def command(paper: str, out: Path, world: int) -> list[str]:
    """A user's words, as a script and its arguments."""
    words = f"{ROOT}/reproductions/{paper}.py --trainer.devices {world} {LITTLE} {NARROW[paper]}"
    own = ["--run_dir", str(out / paper), "--evaluation.results_dir", str(out / "results")]
    return [*words.replace("{pyramid}", f"{out}/{{resolution}}.zip").split(), *own]


def run(out: Path, papers: list[str], world: int) -> None:
    for paper in papers:
        began, used = time.monotonic(), time.process_time()
        os.environ |= {"ZOO_RUN_DIR": str(out / f"{paper}-001")} if rank_zero_only.rank else {}
        sys.argv = command(paper, out, world)
        told = os.devnull if rank_zero_only.rank else out / f"{paper}.txt"
        with open(told, "w") as file, contextlib.redirect_stdout(file):
            runpy.run_path(sys.argv[0], run_name="__main__")
        if not rank_zero_only.rank:
            seconds = f"{time.monotonic() - began:.1f} s, of this process {time.process_time() - used:.1f} s"
            print(f"{paper}: {seconds}", flush=True)


def write_zips(out: Path) -> None:
    """Four pictures, at each side."""
    for side in (2**k for k in range(2, 11)):
        with zipfile.ZipFile(out / f"{side}.zip", "w") as archive:
            for i in range(4):
                picture = Image.linear_gradient("L").rotate(90 * i).resize((side, side)).convert("RGB")
                picture.save(file := io.BytesIO(), "PNG", compress_level=1)
                archive.writestr(f"{i}.png", file.getvalue())


if __name__ == "__main__":
    torch.set_num_threads(1)
    base, n, *given = sys.argv[1:]
    folder, chosen = Path(base), given or list(NARROW)
    write_zips(folder)
    for name in chosen:
        paper_class(name)  # imported once, before the processes are forked
    sys.exit(not forked(partial(run, folder, chosen), int(n)))
