"""Processes of a training as forks of one that has done the imports; for scripts that tests start."""

import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable

from lightning.pytorch.utilities.rank_zero import rank_zero_only

LIMIT = 300  # seconds, for processes that wait for each other


def forked(work: Callable[[int], object], world: int) -> bool:
    """Run work(world) in `world` processes that Lightning takes for those of one machine; whether all went well."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    children = []
    for rank in range(world):
        if pid := os.fork():
            children.append(pid)
            continue
        signal.alarm(LIMIT)
        name = "lo" if sys.platform == "linux" else "lo0"  # no name resolution
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "GLOO_SOCKET_IFNAME": name}
        os.environ |= {"LOCAL_RANK": str(rank), "NODE_RANK": "0"} if world > 1 else {}
        rank_zero_only.rank = rank
        try:
            work(world)
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)
        sys.stdout.flush()
        os._exit(0)
    codes = [os.waitpid(pid, 0)[1] for pid in children]
    return not any(codes)
