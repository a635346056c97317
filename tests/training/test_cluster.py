"""CLUSTER.md's commands, SLURM's own ones replaced by stand-ins; processes of torchrun on one node and on two."""

import json
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from forks import free_port, together
from lightning.pytorch.utilities.rank_zero import rank_zero_only
from runs import ROOT, own_cache  # noqa: F401
from runs import SMALL as SMALL_ONES

from zoo.training import cluster

PAGE = (ROOT / "reproductions" / "CLUSTER.md").read_text()
BLOCKS = re.findall(r"```bash\n(.*?)```", PAGE, re.S)
SCRIPTS = [block for block in BLOCKS if block.startswith("#!")]
assert len(SCRIPTS) == 3
LINES = [line for block in BLOCKS if not block.startswith("#!") for line in block.splitlines()]
SMALL = (
    "--model.resolution 32 --model.architecture cnn --model.n_classes 0 --model.width_g 4 --model.width_d 4 "
    "--model.n_dis 2 --model.batch_size 8 --model.batch_size_g 8 --model.decay_start_kimg 0 "
    "--model.total_kimg 0.032 "
    "--data.n_images 64 --trainer.accelerator cpu --trainer.precision 64-true --wandb false --data.flip false "
    "--evaluation.extractors [random] --evaluation.n_fake 10 --evaluation.n_real 64 --evaluation.kid_subsets 1"
)


#: sbatch: a job of at most two tasks, or the tasks of an array one after the other
SBATCH = r"""
option() { sed -n "s/^#SBATCH --$1=//p" "$script"; }
script=$1
nodes=$(option nodes); per=$(option ntasks-per-node)
export SLURM_JOB_ID=4711 SLURM_JOB_NAME=$(option job-name) SLURM_NODELIST=localhost
export SLURM_NNODES=${nodes:-1} SLURM_NTASKS=$(( ${per:-1} > 1 ? 2 : 1 ))
export SLURM_JOB_NAME=${SLURM_JOB_NAME:-job.sh} SLURM_NTASKS_PER_NODE=$(( SLURM_NTASKS / SLURM_NNODES ))
array=$(option array)
[ -z "$array" ] && exec bash "$script"
export SLURM_ARRAY_JOB_ID=4711
for task in $(seq ${array/-/ }); do SLURM_JOB_ID=$(( 4711 + task )) SLURM_ARRAY_TASK_ID=$task bash "$script"; done
"""
#: srun: starts its command once for each task
SRUN = r"""
for rank in $(seq 0 $(( SLURM_NTASKS - 1 ))); do
  node=$(( rank / SLURM_NTASKS_PER_NODE ))
  SLURM_PROCID=$rank SLURM_NODEID=$node SLURM_LOCALID=$(( rank % SLURM_NTASKS_PER_NODE )) "$@"
done
"""
#: python: notes what it is given and where it is; `trained` does it then, in forks of one that has done the imports
NOTE = """
import json, os, sys
slurm = {k: v for k, v in os.environ.items() if k.startswith("SLURM_")}
print(json.dumps({"words": sys.argv[1:], "env": slurm}), file=open("CALLED", "a"))
"""
LITTLE = (
    "--data Drawn --data.n_images 64 --samples.n 4 --trainer.accelerator cpu "
    "--trainer.precision 32-true --wandb false --evaluation.extractors [random] --evaluation.n_fake 10 "
    "--evaluation.n_real 16 --evaluation.kid_subsets 1 --evaluation.extras [] --evaluation.grid 4"
)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder to work in, with stand-ins for SLURM's commands and Python, and `torchrun` of this Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (tmp_path / "note.py").write_text(NOTE.replace("CALLED", f"{tmp_path}/called"))
    for name, text in {
        "srun": SRUN,
        "sbatch": SBATCH,
        "python": f'exec {sys.executable} -S {tmp_path}/note.py "$@"',
        "torchrun": f'exec {sys.executable} -m torch.distributed.run "$@"',
    }.items():
        (folder / name).write_text(f"#!/bin/bash\n{text}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.chdir(ROOT)
    return tmp_path


def trained(calls: list[dict], place: Path, kimg: float = 0.032) -> None:
    """What the page's Python was given, at a small size, by the processes of a job side by side."""

    def train(number: int) -> None:
        os.environ |= calls[number]["env"]
        rank_zero_only.rank = int(calls[number]["env"]["SLURM_PROCID"])
        script, *words = calls[number]["words"]
        paper = Path(script).stem
        small = SMALL_ONES[paper] + (" --model.attention_g [16] --model.attention_d [16]" * (paper == "biggan"))
        own = [*small.split(), *LITTLE.split(), "--model.total_kimg", str(kimg)]
        own += ["--evaluation.results_dir", str(place / "results")]
        sys.argv = [str(ROOT / script), *(str(ROOT / w) if w.endswith(".yaml") else w for w in words), *own]
        os.chdir(place)
        runpy.run_path(sys.argv[0], run_name="__main__")

    assert together(train, len(calls))


@pytest.mark.parametrize(
    ("script", "folders", "processes"),
    [
        (SCRIPTS[0], {"sngan/imagenet64-4711-001": 0}, 2),
        (SCRIPTS[1], {"biggan/paper-4711-001": 0}, 2),
        (SCRIPTS[2], {f"sngan/tiny-4711_{task}-001": task for task in range(3)}, 1),
    ],
    ids=["one node", "several nodes", "array"],
)
def test_a_script_that_sbatch_takes_trains_in_the_job_s_folder(script, folders, processes, place):
    """`sbatch` and `srun` run it with a job's variables; one folder, one row, and the seed that it names."""
    (place / "job.sh").write_text(script)
    subprocess.run(["sbatch", str(place / "job.sh")], check=True)
    calls = [json.loads(line) for line in (place / "called").read_text().splitlines()]
    assert len(calls) == processes * len(folders)
    for start in range(0, len(calls), processes):
        trained(calls[start : start + processes], place)
    runs = {str(p.parent.relative_to(place / "runs")) for p in (place / "runs").glob("*/*/config.yaml")}
    assert runs == set(folders)
    rows = [json.loads(p.read_text()) for p in (place / "results").rglob("*.json")]
    assert [row["training"]["world_size"] for row in rows] == [processes] * len(folders)
    assert sorted(row["training"]["seed"] for row in rows) == sorted(folders.values())


def test_another_job_goes_on_from_the_file_that_is_named(place):
    """The page's line, after a job of the same recipe."""
    (line,) = [line for line in LINES if "--ckpt_path" in line]
    _, *words = line.split()
    job = {"SLURM_JOB_ID": "4711", "SLURM_JOB_NAME": "train", "SLURM_NTASKS": "1", "SLURM_PROCID": "0"}
    trained([{"words": words[:-2], "env": job}], place)
    trained([{"words": words, "env": job | {"SLURM_JOB_ID": "4712"}}], place, kimg=0.064)
    assert (place / words[-1]).is_file()
    rows = [json.loads(p.read_text()) for p in (place / "results").rglob("*.json")]
    assert sorted(row["training"]["nimg"] for row in rows) == [32, 64]
    assert (place / "runs" / "sngan" / "tiny-4712-001").is_dir()


def weights(folder: Path) -> dict:
    state = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    return {k: v for k, v in state.items() if k.startswith(("G.", "D."))}


def launch(commands: list[list[str]], place: Path, name: str) -> dict:
    """Weights of a run by these commands side by side, in one folder and with one row."""
    running = [
        subprocess.Popen([*words, *own(place / name)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for words in commands
    ]
    said = [process.communicate(timeout=240)[0] for process in running]
    assert all(process.returncode == 0 for process in running), "\n".join(said)
    return left(place / name)


def alone(words: list[str], place: Path) -> dict:
    """Weights of a run by a script in one process."""

    def train(_: int) -> None:
        sys.argv = [*words, *own(place / "alone")]
        runpy.run_path(words[0], run_name="__main__")

    assert together(train, 1)
    return left(place / "alone")


def own(out: Path) -> list[str]:
    return ["--run_dir", str(out / "run"), "--evaluation.results_dir", str(out / "results"), *SMALL.split()]


def left(out: Path) -> dict:
    (row,) = (out / "results").rglob("*.json")
    assert json.loads(row.read_text())["training"]["nimg"] == 32
    (folder,) = out.glob("run-*")
    return weights(folder)


def test_torchrun_on_one_node_and_on_two_gives_one_folder_one_row_and_the_weights_of_one_process(place):
    one_node = next(line for line in LINES if "--nproc-per-node 2" in line).split()
    two_nodes = next(line for line in LINES if "--nnodes 2" in line).replace("29400", free_port()).split()
    one = alone(one_node[3:], place)
    for commands, name in ([[one_node], "one"], [[two_nodes, two_nodes], "two"]):
        for key, tensor in launch(commands, place, name).items():
            if "running_" not in key:
                torch.testing.assert_close(tensor, one[key], rtol=1e-6, atol=1e-8, msg=lambda m, k=key: f"{k}: {m}")


@pytest.mark.parametrize("recipe", ["", "...", "..", "a/b"])
def test_a_recipe_s_name_is_a_folder_s(recipe):
    with pytest.raises(ValueError, match="give a name without a path"):
        cluster.base_of(None, "sngan", recipe)
