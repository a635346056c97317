"""Processes forked from the test's, side by side: they need not import anything again."""

import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable

from lightning.pytorch.utilities import rank_zero_only


def together(do: Callable[[int], object], n: int) -> None:
    """`do(rank)` in `n` processes; each must end well, within 200 s."""
    children = []
    for rank in range(n):
        if child := os.fork():
            children.append(child)
            continue
        code = 1
        try:
            signal.alarm(200)
            os.environ["GLOO_SOCKET_IFNAME"] = "lo"
            rank_zero_only.rank = rank
            do(rank)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * n


def free_port() -> str:
    with socket.socket() as free:
        free.bind(("localhost", 0))
        return str(free.getsockname()[1])


def as_torchrun(rank: int, n: int, port: str) -> dict[str, str]:
    """What `torchrun --nproc-per-node n` gives a process."""
    place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": n, "LOCAL_WORLD_SIZE": n, "GROUP_RANK": 0}
    return {k: str(v) for k, v in place.items()} | {
        "MASTER_ADDR": "localhost",
        "MASTER_PORT": port,
        "TORCHELASTIC_RUN_ID": "none",
    }
