"""Runs on a cluster: a SLURM job's own folder and time limit, and processes that a launcher has started.

`reproductions/CLUSTER.md` shows how they are used.
"""

import json
import os
import re
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch.distributed as dist
from lightning.pytorch.plugins.environments import SLURMEnvironment
from lightning.pytorch.utilities.rank_zero import rank_zero_only

from zoo.training.run import same_command

WAIT = timedelta(hours=2)  # until rank 0 has prepared the data
_kept: list[Any] = []  # stores that other processes may still ask
_turn: list[int] = [0, 0]  # trainings that were told, and heard


def job() -> str | None:
    """The SLURM batch job that this is, `4711`, or `4711_3` in an array; None elsewhere and in interactive ones."""
    env = os.environ
    if not env.get("SLURM_JOB_ID") or env.get("SLURM_JOB_NAME") in ("bash", "interactive"):
        return None
    if env.get("SLURM_ARRAY_JOB_ID") and env.get("SLURM_ARRAY_TASK_ID"):
        return f"{env['SLURM_ARRAY_JOB_ID']}_{env['SLURM_ARRAY_TASK_ID']}"
    return env["SLURM_JOB_ID"]


def base_of(run_dir: str | None, paper: str, recipe: str) -> Path:
    """What the run's folder is called, but for its number: a job's runs are its own.

    Raises:
        ValueError: for a `run_dir` without a name, or that is a run already; for a recipe that is called as a path.
    """
    if run_dir and Path(run_dir).name in ("", ".."):
        raise ValueError(f"--run_dir {run_dir} has no name to put a number behind: give one, such as runs/mine")
    if run_dir and (Path(run_dir) / "run_id").is_file():
        name = re.sub(r"-\d+$", "", Path(run_dir).name)
        mend = f"give --run_dir {Path(run_dir).with_name(name)}" if name != Path(run_dir).name else "give another"
        raise ValueError(
            f"--run_dir {run_dir} is a run's own folder, and the option takes its name without the number: {mend} "
            "(--ckpt_path last goes on with the newest of that name)"
        )
    if Path(recipe).name != recipe or not recipe.strip("."):
        raise ValueError(
            f"evaluation.recipe {recipe or 'nothing'} names a run's folder: give a name without a path"
        )
    base = Path(run_dir) if run_dir else Path("runs", paper, recipe)
    return base.with_name(f"{base.name}-{job()}") if job() else base


def of_this_job(checkpoint: Path | None, config: dict) -> bool:
    """Whether a checkpoint is this job's own, of the same command before it was put back in the queue."""
    return job() is not None and checkpoint is not None and same_command(checkpoint.parents[1], config)


def pass_by(checkpoint: Path) -> None:
    """End here, with success, if this job was put back in the queue after the run of a checkpoint was whole: a
    script of several trainings goes on with the next."""
    if job() is not None and os.environ.get("SLURM_RESTART_COUNT", "0") not in ("", "0"):
        folder = checkpoint.parents[1]
        print(f"{folder} was whole before job {job()} was put back in the queue: nothing is left to do")
        raise SystemExit(0)


def requeue() -> str:
    """Put this job back in the queue; what became of that."""
    number = os.environ["SLURM_JOB_ID"]
    try:
        done = subprocess.run(["scontrol", "requeue", number], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        why = str(error)
    else:
        if done.returncode == 0:
            return f"job {number} is back in the queue and goes on from there"
        why = (done.stderr or done.stdout).strip() or f"exit status {done.returncode}"
    return f"job {number} is not back in the queue (scontrol: {why}): submit it again with --ckpt_path"


# ---- processes that torchrun or srun has started


def fill_in(trainer: Any) -> None:
    """Devices and nodes as the launcher has started processes, where the options under --trainer leave it open."""
    env = os.environ
    if dist.is_torchelastic_launched():
        local, nodes = int(env["LOCAL_WORLD_SIZE"]), int(env["WORLD_SIZE"]) // int(env["LOCAL_WORLD_SIZE"])
    elif job() and int(env.get("SLURM_NTASKS", 1)) > 1 and "SLURM_PROCID" in env:
        nodes = int(env.get("SLURM_NNODES", 1))
        local = int(env["SLURM_NTASKS"]) // nodes
    else:
        return
    if trainer.devices in ("auto", None):
        trainer.devices = local
    if trainer.num_nodes in (1, None):
        trainer.num_nodes = nodes


def environment() -> list[SLURMEnvironment]:
    """Lightning's SLURM without its own handling of the time limit, which saves in the middle of a step."""
    slurm = SLURMEnvironment.detect() and not dist.is_torchelastic_launched()
    return [SLURMEnvironment(auto_requeue=False)] if slurm else []


def store() -> Any | None:
    """Where rank 0 tells the others what it has decided, before a process group is there; None alone."""
    env = os.environ
    if _kept:
        return _kept[0]
    if dist.is_torchelastic_launched() and int(env["WORLD_SIZE"]) > 1:
        from torch.distributed.rendezvous import rendezvous

        found, *_ = next(rendezvous("env://", timeout=WAIT))
    elif environment() and int(env["SLURM_NTASKS"]) > 1:
        slurm = SLURMEnvironment(auto_requeue=False)
        address, port = slurm.main_address, slurm.main_port + 1
        found = dist.TCPStore(address, port, slurm.world_size(), slurm.global_rank() == 0, WAIT, False)
    else:
        return None
    _kept.append(dist.PrefixStore(f"zoo/{env.get('TORCHELASTIC_RESTART_COUNT', 0)}", found))
    return _kept[0]


def tell(decision: dict | None) -> None:
    """Tell the processes that a launcher has started what rank 0 has decided; None that it has given up, nothing at
    all ({}) that there is nothing to do."""
    if rank_zero_only.rank == 0 and (found := store()) is not None:
        _turn[0] += 1
        found.set(f"decision {_turn[0]}", json.dumps(decision))


def told() -> dict | None:
    """What rank 0 has decided; None for a process that it will start itself, or has started.

    Raises:
        SystemExit: if it has given up, with a sentence of its own, or if nothing is left to do.
    """
    if rank_zero_only.rank == 0 or (found := store()) is None:
        return None
    _turn[1] += 1
    decision = json.loads(found.get(f"decision {_turn[1]}"))
    if not decision:
        raise SystemExit(2 if decision is None else 0)
    return decision
