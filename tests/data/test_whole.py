"""Files are whole: a full disk and a kill in the writer leave the old one."""

import os
import resource
import signal
import subprocess
import threading
from pathlib import Path

import pytest
import torch

from zoo.data.whole import leftovers, replacing, write_whole
from zoo.engine.checkpoints import WholeFiles
from zoo.leaderboard.rows import write_row
from zoo.training.history import Writer, read_log


@pytest.fixture
def small(tmp_path):
    """A file system of 1 MiB, where one may be mounted; else no file of more than 64 KiB may be written."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], capture_output=True, check=False
    )
    if mounted.returncode == 0:
        yield place, lambda: fill(place)
        subprocess.run(["umount", str(place)], check=True)
        return
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    yield place, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.signal(signal.SIGXFSZ, before)


def fill(place: Path) -> None:
    with (place / "filler").open("wb", buffering=0) as file:
        try:
            while file.write(b"x" * 4096) == 4096:
                pass
        except OSError:
            pass


def test_a_full_disk_leaves_the_old_files(small, capsys):
    place, fill_up = small
    page, checkpoint = place / "page.html", place / "last.ckpt"
    write_whole(page, "old")
    WholeFiles().save_checkpoint({"a": torch.zeros(3)}, checkpoint)
    log = Writer(str(place / "csv"))
    log.log_metrics({"kimg": 1.0}, 1)
    log.save()
    fill_up()
    for write in (
        lambda: write_whole(page, "new" * 30_000),
        lambda: WholeFiles().save_checkpoint({"a": torch.zeros(30_000)}, checkpoint),
    ):
        with pytest.raises(OSError):  # noqa: PT011
            write()
    for step in range(2, 2000):
        log.log_metrics({"kimg": float(step)}, step)
    log.save()
    assert "was not written" in capsys.readouterr().err
    assert page.read_text() == "old"
    assert torch.equal(torch.load(checkpoint)["a"], torch.zeros(3))
    assert [row["step"] for row in read_log(place / "csv" / "metrics.csv")] == ["1"]
    assert leftovers(place) == []


@pytest.mark.parametrize("at", ["write", "fsync", "replace"])
def test_a_kill_in_the_writer_leaves_the_old_file(at, tmp_path):
    (tmp_path / "row.json").write_text("old")
    child = os.fork()
    if child == 0:

        def die(*_):
            os.kill(os.getpid(), signal.SIGKILL)

        if at != "write":
            setattr(os, at, die)
        with replacing(tmp_path / "row.json") as part:
            part.write_text("ne")
            if at == "write":
                die()
    os.waitpid(child, 0)
    assert (tmp_path / "row.json").read_text() == "old"
    assert len(leftovers(tmp_path)) == 1


def test_threads_that_write_the_same_path_write_files_of_their_own(tmp_path):
    path, both = tmp_path / "row.json", threading.Barrier(2, timeout=20)

    def write(text: str) -> None:
        with replacing(path) as part:
            part.write_text(text)
            both.wait()
            assert part.read_text() == text
            read.append(text)

    read: list[str] = []
    threads = [threading.Thread(target=write, args=(text,)) for text in ("one", "another")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(read) == ["another", "one"]
    assert path.read_text() in read
    assert not leftovers(tmp_path)


def test_a_row_is_whole_or_not_there(tmp_path, monkeypatch):
    from board import ROW

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_row(ROW, tmp_path)
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]


def test_a_torn_line_of_the_log_is_none(tmp_path):
    log = Writer(str(tmp_path))
    for step in (1, 2, 3):
        log.log_metrics({"kimg": step / 10, "loss/d": 1.0}, step)
        log.save()
    file = tmp_path / "metrics.csv"
    file.write_text(file.read_text() + "0.4,")
    again = Writer(str(tmp_path))
    again.rewind(2)
    again.log_metrics({"kimg": 0.2, "loss/d": 7.0}, 2)  # is there already
    again.log_metrics({"kimg": 0.3, "metrics/fid": 5.0}, 3)
    again.save()
    assert [(r["step"], r["loss/d"], r["metrics/fid"]) for r in read_log(file)] == [
        ("1", "1.0", ""),
        ("2", "1.0", ""),
        ("3", "", "5.0"),
    ]
