"""CLUSTER.md's commands, SLURM's own ones replaced by stand-ins; processes of torchrun on one node and on two."""

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from runs import ROOT, own_cache  # noqa: F401

PAGE = (ROOT / "reproductions" / "CLUSTER.md").read_text()
BLOCKS = re.findall(r"```bash\n(.*?)```", PAGE, re.S)
SCRIPTS = [block for block in BLOCKS if block.startswith("#!")]
LINES = [line for block in BLOCKS if not block.startswith("#!") for line in block.splitlines()]
SMALL = (
    "--model.resolution 32 --model.architecture cnn --model.n_classes 0 --model.width_g 4 --model.width_d 4 "
    "--model.n_dis 2 --model.batch_size 8 --model.batch_size_g 8 --model.decay_start_kimg 0 "
    "--model.total_kimg 0.032 "
    "--data.n_images 64 --trainer.accelerator cpu --trainer.precision 64-true --wandb false --data.flip false "
    "--evaluation.extractors [random] --evaluation.n_fake 10 --evaluation.n_real 64 --evaluation.kid_subsets 1"
)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder to work in, with `srun` and `sbatch` that run what they are given, and `torchrun` of this Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in {
        "srun": 'exec "$@"',
        "sbatch": 'export SLURM_JOB_ID=77 SLURM_JOB_NAME=train; exec bash "$@"',
        "python": f'echo "$@" >> {tmp_path}/called; exec {sys.executable} "$@" --help > /dev/null',
        "torchrun": f'exec {sys.executable} -m torch.distributed.run "$@"',
    }.items():
        (folder / name).write_text(f"#!/bin/bash\n{text}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.chdir(ROOT)
    return tmp_path


def test_scripts_are_taken_and_their_words_are_options(place, monkeypatch):
    """`sbatch` takes each script, and the paper's parser takes its words: read, not trained."""
    from zoo.data import Drawn, ImageNet
    from zoo.training import cli
    from zoo.training.loading import model_class

    monkeypatch.setattr(cli.ZooCLI, "instantiate_trainer", lambda self: (_ for _ in ()).throw(SystemExit(0)))
    monkeypatch.setattr(cli.ZooCLI, "instantiate_classes", lambda self: (_ for _ in ()).throw(SystemExit(0)))
    python = place / "bin" / "python"
    python.write_text(f'#!/bin/bash\necho "$@" >> {place}/called\n')
    for number, script in enumerate(SCRIPTS):
        (place / "job.sh").write_text(script)
        subprocess.run(
            ["sbatch", str(place / "job.sh")], check=True, env={**os.environ, "SLURM_ARRAY_TASK_ID": "2"}
        )
        words = (place / "called").read_text().splitlines()[number].split()
        paper = Path(words[0]).stem
        assert (ROOT / words[0]).is_file()
        recipe = ROOT / "reproductions" / paper / "paper.yaml"
        with pytest.raises(SystemExit) as read:
            cli.train(model_class(paper), ImageNet if paper == "biggan" else Drawn, recipe, words[1:])
        assert read.value.code == 0
    assert len(SCRIPTS) == 3


def weights(folder: Path) -> dict:
    state = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    return {k: v for k, v in state.items() if k.startswith(("G.", "D."))}


def launch(commands: list[list[str]], place: Path, name: str) -> dict:
    """Weights of a run by these commands side by side, in one folder and with one row."""
    out = place / name
    more = ["--run_dir", str(out / "run"), "--evaluation.results_dir", str(out / "results"), *SMALL.split()]
    running = [
        subprocess.Popen([*words, *more], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for words in commands
    ]
    said = [process.communicate(timeout=240)[0] for process in running]
    assert all(process.returncode == 0 for process in running), "\n".join(said)
    (row,) = (out / "results").rglob("*.json")
    assert json.loads(row.read_text())["training"]["nimg"] == 32
    (folder,) = out.glob("run-*")
    return weights(folder)


def test_torchrun_on_one_node_and_on_two_gives_one_folder_one_row_and_the_weights_of_one_process(place):
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = str(free.getsockname()[1])
    one_node = next(line for line in LINES if "--nproc-per-node 2" in line).split()
    two_nodes = next(line for line in LINES if "--nnodes 2" in line).replace("29400", port).split()
    alone = launch([[sys.executable, *one_node[3:]]], place, "alone")
    for commands, name in ([[one_node], "one"], [[two_nodes, two_nodes], "two"]):
        for key, tensor in launch(commands, place, name).items():
            if "running_" not in key:
                torch.testing.assert_close(
                    tensor, alone[key], rtol=1e-6, atol=1e-8, msg=lambda m, k=key: f"{k}: {m}"
                )
