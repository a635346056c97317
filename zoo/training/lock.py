"""One run folder, one writer.

The operating system holds the lock, so a process that dies lets go of it; the file `process` tells who has it, and
on a file system that does not share locks between machines it is all that there is.
"""

import contextlib
import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from zoo.data.whole import write_whole

PROCESS = "process"  # file of a run's folder: machine, process and cluster job that train it
LOCK = ".lock"
WAIT = 30.0  # seconds that workers of a process which was killed may outlive it


class InUse(ValueError):
    """Another process trains in the folder."""


@dataclass(frozen=True)
class Owner:
    """Who trains a run: machine, process, and its job's name where a cluster runs it."""

    node: str
    pid: int
    job: str = ""

    @classmethod
    def here(cls) -> "Owner":
        return cls(platform.node(), os.getpid(), os.environ.get("SLURM_JOB_ID", ""))

    @classmethod
    def of(cls, folder: Path) -> "Owner | None":
        """Who is noted in a run's folder; None for nobody."""
        try:
            node, pid, *job = (folder / PROCESS).read_text().split()
            return cls(node, int(pid), "".join(job[:1]))
        except (OSError, ValueError):
            return None

    def __str__(self) -> str:
        return " ".join(map(str, filter(None, (self.node, self.pid, self.job))))

    @property
    def alive(self) -> bool | None:
        """Whether the process lives; None if it is on another machine, where nobody here can know."""
        if self.node != platform.node():
            return None
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:  # somebody else's, but alive
            pass
        return True


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Be the only one that trains in a run's folder.

    What a dead process of this machine holds, or an earlier start of the same cluster job anywhere, is taken over.

    Raises:
        InUse: naming who is there, and the way out.
    """
    me, before = Owner.here(), Owner.of(folder)
    lock = FileLock(folder / LOCK)
    dead = before is not None and before.alive is False
    again = before is not None and bool(me.job) and before.job == me.job and before.alive is not True
    try:
        lock.acquire(timeout=WAIT if dead or again else 0)
    except Timeout:
        who = f"process {before.pid} on {before.node}" if before else "another process"
        raise InUse(
            f"{who} trains in {folder} now: wait for its end, stop it, or leave out --ckpt_path for a new run"
        ) from None
    try:
        if before is not None and before.alive is None and not again:
            raise InUse(
                f"process {before.pid} on {before.node} trains in {folder}, as far as {platform.node()} can see: "
                f"if it lives no more, remove {folder / PROCESS}"
            )
        write_whole(folder / PROCESS, f"{me}\n")
        try:
            yield
        finally:
            (folder / PROCESS).unlink(missing_ok=True)
    finally:
        lock.release()
