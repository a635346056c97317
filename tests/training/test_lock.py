"""One run folder, one writer."""

import os
import platform
import subprocess
import sys

import pytest
from runs import own_cache, run  # noqa: F401

from zoo.training.lock import PROCESS, InUse, locked


def test_a_second_fit_in_a_folder_names_the_first(tmp_path, capsys):
    run("sngan", tmp_path, kimg=0.032)
    with locked(tmp_path / "run-001"):
        with pytest.raises(SystemExit) as refused:
            run("sngan", tmp_path, "--ckpt_path", "last", kimg=0.064)
        assert refused.value.code == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert f"process {os.getpid()} on {platform.node()} trains in {tmp_path / 'run-001'} now" in line
    assert run("sngan", tmp_path, "--ckpt_path", "last", kimg=0.064).model.nimg == 64
    assert not (tmp_path / "run-001" / PROCESS).exists()


def test_a_dead_process_lets_go(tmp_path):
    code = (
        "import os, sys; from pathlib import Path; from zoo.training.lock import locked\n"
        "with locked(Path(sys.argv[1])): os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False, timeout=100)
    assert (tmp_path / PROCESS).is_file()
    with locked(tmp_path):
        assert (tmp_path / PROCESS).read_text().split()[:2] == [platform.node(), str(os.getpid())]


def test_another_machine_cannot_be_asked(tmp_path, monkeypatch):
    (tmp_path / PROCESS).write_text("elsewhere 12 4711\n")
    with (
        pytest.raises(InUse, match=f"process 12 on elsewhere trains in .* if it lives no more, remove .*{PROCESS}"),
        locked(tmp_path),
    ):
        pass
    monkeypatch.setenv("SLURM_JOB_ID", "4711")  # the same job, put back in the queue: its first start has ended
    with locked(tmp_path):
        pass
