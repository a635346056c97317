"""Processes as forks of one that has done the imports."""

import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable

from lightning.pytorch.utilities.rank_zero import rank_zero_only

LIMIT = 300  # seconds, for processes that wait for each other


def together(work: Callable[[int], object], n: int) -> bool:
    """Run work(rank) in `n` processes side by side; whether all went well."""
    children = []
    for rank in range(n):
        if pid := os.fork():
            children.append(pid)
            continue
        signal.alarm(LIMIT)
        os.environ["GLOO_SOCKET_IFNAME"] = "lo" if sys.platform == "linux" else "lo0"  # no name resolution
        rank_zero_only.rank = rank
        try:
            work(rank)
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)
        sys.stdout.flush()
        os._exit(0)
    codes = [os.waitpid(pid, 0)[1] for pid in children]
    return not any(codes)


def forked(work: Callable[[int], object], world: int) -> bool:
    """Run work(world) in `world` processes that Lightning takes for those of one machine; whether all went well."""
    port = free_port()

    def one(rank: int) -> None:
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        os.environ |= {"LOCAL_RANK": str(rank), "NODE_RANK": "0"} if world > 1 else {}
        work(world)

    return together(one, world)


def free_port() -> str:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return str(s.getsockname()[1])
