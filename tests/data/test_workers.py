"""Worker processes end with the process that started them, and not before."""

import multiprocessing
import os
import signal
import time

import pytest

from zoo.data.images import loader


class Large:
    """Results that fill the pipe: their sender waits for a reader."""

    def __getitem__(self, i: int) -> bytes:
        return bytes(10**6)


def _work(answers) -> None:
    batches = iter(loader(Large(), range(1000), 2))
    next(batches)
    answers.put([worker.pid for worker in multiprocessing.active_children()])
    time.sleep(60)


def _alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="looks processes up in /proc")
def test_workers_of_a_killed_process_do_not_stay():
    fork = multiprocessing.get_context("fork")
    answers = fork.Queue()
    parent = fork.Process(target=_work, args=(answers,))
    parent.start()
    workers = answers.get(timeout=60)
    assert len(workers) == 2
    assert all(map(_alive, workers))
    parent.kill()
    parent.join()
    end = time.monotonic() + 20
    while any(map(_alive, workers)) and time.monotonic() < end:
        time.sleep(0.1)
    assert not any(map(_alive, workers))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_workers_outlive_the_signals_that_stop_a_run(number):
    """They reach the whole process group, while the running step still waits for its batch."""
    batches = iter(loader(Large(), range(8), 2))
    next(batches), next(batches)  # one of each worker: both are up
    for worker in multiprocessing.active_children():
        os.kill(worker.pid, number)
    assert len(list(batches)) == 6
