"""Kills by SIGKILL at moments drawn by a fixed seed, over all reproductions, and what was lost by them.

    python tests/campaign.py --kills 200                     all reproductions
    python tests/campaign.py --kills 10 --papers sngan,vail  some

Each reproduction is trained once without a kill, and in chains: killed, gone on with by the same command and
`--ckpt_path last`, killed again, up to three times. Then it goes on to its end, and its folder, log, pictures, row
and checkpoints are compared with those of the run that was never killed. Half of the moments are drawn from the
clock, half are places inside a writer: the n-th file that takes its place, before or after it does. Processes are
forked from one that has imported everything, so that a kill costs a second.
"""

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "helpers"))

import torch
from owed import compare
from runs import SMALL

from zoo.data import Drawn
from zoo.imitation import ALGORITHMS, algorithm_class
from zoo.training import imitate
from zoo.training.cli import train
from zoo.training.loading import model_class

ROOT = Path(__file__).parents[1]
IMAGES = (
    "--data Drawn --data.n_images 64 --data.noise 0.0078 --data.flip true --model.total_kimg 0.192 "
    "--samples.every_kimg 0.032 --samples.n 4 --checkpoints.every_kimg 0.064 --evaluation.every_kimg 0.064 "
    "--evaluation.extractors [random] --evaluation.n_fake 16 --evaluation.n_real 8 --evaluation.kid_subsets 1 "
    "--evaluation.extras [auth_pct,c_t] "
    "--evaluation.grid 4 --checkpoints.best_by fd_random --trainer.accelerator cpu --trainer.log_every_n_steps 1"
)
POLICIES = (
    "--model.n_envs 2 --model.horizon 50 --model.d_steps 3 --model.batch_size_d 16 --model.total_ksteps 0.6 "
    "--checkpoints.every_ksteps 0.2 --evaluation.episodes 2"
)
PENDULUM = f"--model.env Pendulum-v1 --model.demonstrations {ROOT}/reproductions/vail/pendulum.npz"
CMAZE = f"--model.demonstrations {ROOT}/reproductions/vairl/cmaze.npz --model.n_demonstrations 3"
IMITATION = {
    "gail": f"{PENDULUM} --model.improvement ppo --model.epochs 2 --model.batch_size 64",
    "vail": f"{PENDULUM} --model.improvement ppo --model.epochs 2 --model.batch_size 64 --model.replay_paths 3",
    "airl": CMAZE,
    "vairl": f"{CMAZE} --model.replay_paths 3 --model.transfer_env CMazeLeft-v0 --model.imitation_ksteps 0.2",
}
Kill = tuple[str, float]  # ("clock", seconds) or ("file", number of the replacement: its half is before or after)


def command(paper: str) -> list[str]:
    own, shared = (IMITATION, POLICIES) if paper in ALGORITHMS else (SMALL, IMAGES)
    more = "--wandb false --run_dir run --evaluation.results_dir results --ckpt_path last"
    return [*own[paper].split(), *shared.split(), *more.split()]


def signalled(n: float, number: int = signal.SIGKILL) -> None:
    """Signal this process at its n-th replacement of a file, after it, or before it where n ends in a half."""
    replace, seen = os.replace, [0]

    def counted(*args: object, **kwargs: object) -> None:
        seen[0] += 1
        if seen[0] - 0.5 == n:
            os.kill(os.getpid(), number)
        replace(*args, **kwargs)
        if seen[0] == n:
            os.kill(os.getpid(), number)

    os.replace = counted


def attempt(
    paper: str, folder: Path, kill: Kill | None = None, number: int = signal.SIGKILL, words: list[str] | None = None
) -> tuple[bool, int, float]:
    """One process in a folder: whether it was killed, its exit status, and its seconds; its words are in `said`."""
    started = time.monotonic()
    child = os.fork()
    if child == 0:
        code = 70
        try:
            os.chdir(folder)
            sys.stdout = sys.stderr = open("said", "w", buffering=1)  # noqa: SIM115
            os.dup2(sys.stdout.fileno(), 1)
            os.dup2(sys.stdout.fileno(), 2)
            if kill and kill[0] == "file":
                signalled(kill[1], number)
            if paper in ALGORITHMS:
                imitate.train(algorithm_class(paper), args=words or command(paper))
            else:
                train(model_class(paper), Drawn, args=words or command(paper))
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(code)
    if kill and kill[0] == "clock":
        time.sleep(kill[1])
        os.kill(child, signal.SIGKILL)  # a child that has ended waits to be looked at: the number is still its own
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status), os.waitstatus_to_exitcode(status), time.monotonic() - started


def done(folder: Path, code: int) -> bool:
    """Whether a run has come to its end; one that was killed after its row says that it has."""
    return code == 0 or (code == 2 and "has already reached" in (folder / "said").read_text())


def kind_of(text: str) -> str:
    """What a sentence of `owed.compare` says was lost."""
    kinds = {" rows for ": "rows", "left over": "leftovers", ".ckpt": "bits"}
    return next((kind for words, kind in kinds.items() if words in text), "duties")


def campaign(papers: list[str], kills: int, seed: int, folder: Path, tell=print) -> Counter:
    """Kill until there were so many; counts of kills, chains, and what was lost, by kind."""
    rng, counts = random.Random(seed), Counter()
    whole: dict[str, tuple[Path, float, int]] = {}
    while counts["kills"] < kills:
        for paper in papers:
            if counts["kills"] >= kills:
                break
            if paper not in whole:
                home = folder / paper / "whole"
                home.mkdir(parents=True)
                _, code, seconds = attempt(paper, home)
                assert code == 0, (home / "said").read_text()
                written = sum(p.is_file() for p in home.rglob("*"))
                whole[paper] = (home, seconds, written)
            home, seconds, written = whole[paper]
            chain = folder / paper / f"chain-{counts['chains']:04d}"
            chain.mkdir()
            plan: list[Kill] = []
            for _ in range(rng.randint(1, 3)):
                by_clock = rng.random() < 0.5
                plan.append(
                    ("clock", rng.uniform(0.02, 1) * seconds)
                    if by_clock
                    else ("file", rng.randint(2, 2 * written + 8) / 2)
                )
            code = -1
            for kill in plan:
                killed, code, _ = attempt(paper, chain, kill)
                counts["kills"] += killed
                counts[f"kills by {kill[0]}"] += killed
                if not killed:
                    break
            if not done(chain, code):
                code = attempt(paper, chain)[1]
            counts["chains"] += 1
            wrong = compare(home, chain) if done(chain, code) else [(chain / "said").read_text()[-2000:]]
            counts["chains that lost something"] += bool(wrong)
            for text in wrong:
                counts[kind_of(text)] += 1
                tell(f"{paper} {plan}: {text}", flush=True)
            if not wrong:
                shutil.rmtree(chain)
        tell(f"{dict(counts)}", flush=True)
    return counts


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--papers", default="")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    os.environ["ZOO_CACHE"] = tempfile.mkdtemp(prefix="campaign-cache-")
    every = [*SMALL, *IMITATION]
    place = Path(tempfile.mkdtemp(prefix="campaign-"))
    begun = time.monotonic()
    found = campaign(options.papers.split(",") if options.papers else every, options.kills, options.seed, place)
    lost = {kind: found[kind] for kind in ("duties", "rows", "bits", "leftovers")}
    print(f"{found['kills']} kills in {found['chains']} chains, {time.monotonic() - begun:.0f} s; lost: {lost}")
    if any(lost.values()):
        raise SystemExit(f"what differs lies in {place}")
    shutil.rmtree(place)
    shutil.rmtree(os.environ["ZOO_CACHE"])
