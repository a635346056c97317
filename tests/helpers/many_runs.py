"""The papers' scripts with the command line of a user, each by several processes; started by test_many_devices.py.

    python many_runs.py OUT WORLD CASES

CASES is JSON: name -> [script, argument ...]; a run's folder is OUT/<name>-001, what rank 0 prints OUT/<name>.txt.
"""

import contextlib
import json
import os
import runpy
import sys
from pathlib import Path

import torch
from forks import forked
from lightning.pytorch.utilities.rank_zero import rank_zero_only

import zoo.training.cli  # noqa: F401  before the processes are forked


def main(out: Path, cases: dict[str, list[str]]) -> None:
    for name, command in cases.items():
        base = out / name
        os.environ |= {"ZOO_RUN_DIR": f"{base}-001"} if rank_zero_only.rank else {}
        sys.argv = [*command, "--run_dir", str(base)]
        told = os.devnull if rank_zero_only.rank else f"{base}.txt"
        with open(told, "w") as file, contextlib.redirect_stdout(file):
            runpy.run_path(command[0], run_name="__main__")


if __name__ == "__main__":
    torch.set_num_threads(1)
    _, folder, world, given = sys.argv
    sys.exit(not forked(lambda _: main(Path(folder), json.loads(Path(given).read_text())), int(world)))
