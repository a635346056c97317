"""`zoo sample --seeds`, `zoo walk` and `zoo grow`: pictures by number, and videos whose frames are read back."""

import os

import numpy as np
import pytest
import torch
from forks import together
from made import checkpoint
from pictures import png
from PIL import Image
from refusals import files

from zoo.__main__ import main
from zoo.pictures import paths, seeds, video
from zoo.pictures.npz import Npz
from zoo.training.loading import load


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return {
        paper: checkpoint(paper, folder / f"{paper}.ckpt") for paper in ("stylegan", "biggan", "introvae", "sngan")
    }


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def pixels(path) -> np.ndarray:
    return np.asarray(Image.open(path))


def frames(path) -> list[np.ndarray]:
    """Frames of a video, by a reader that shares nothing with the writer but ffmpeg."""
    if path.suffix != ".mp4":
        image = Image.open(path)
        found = []
        for i in range(image.n_frames):
            image.seek(i)
            found.append(np.asarray(image.convert("RGB")))
        return found
    import imageio_ffmpeg

    reader = imageio_ffmpeg.read_frames(str(path))
    about = next(reader)
    assert about["codec"] == "h264"
    width, height = about["size"]
    return [np.frombuffer(frame, np.uint8).reshape(height, width, 3) for frame in reader]


def test_a_seed_is_a_cell_of_a_sheet_whatever_its_company(models):
    gan = load(models["sngan"])
    sheet = seeds.to_bytes(gan.sample(20, seed=0))
    (_, alone, labels), *rest = seeds.draw(gan, [17])
    assert not rest
    assert labels is None
    among = np.concatenate([images for _, images, _ in seeds.draw(gan, range(20))])
    assert np.array_equal(alone[0], among[17])
    assert np.abs(alone[0].astype(int) - sheet[17]).max() <= 1


def test_a_folder_is_gone_on_with(models, tmp_path, capsys):
    main(["sample", str(models["sngan"]), "--seeds", "0-3,9", "--out", "faces"])
    names = sorted(path.name for path in (tmp_path / "faces").iterdir())
    assert names == ["asked.json", *(f"seed{k:06d}.png" for k in (0, 1, 2, 3, 9))]
    kept = pixels(tmp_path / "faces" / "seed000009.png")
    (tmp_path / "faces" / "seed000002.png").unlink()
    before = (tmp_path / "faces" / "seed000009.png").stat().st_mtime_ns
    capsys.readouterr()
    main(["sample", str(models["sngan"]), "--seeds", "0-9", "--out", "faces"])
    assert "6 pictures" in capsys.readouterr().out
    assert (tmp_path / "faces" / "seed000009.png").stat().st_mtime_ns == before
    assert kept.shape == (32, 32, 3)


def test_a_seed_that_is_named_twice_is_one_picture(models, tmp_path, capsys):
    main(["sample", str(models["sngan"]), "--seeds", "0,0,1", "--out", "faces"])
    assert "faces: 2 pictures" in capsys.readouterr().out
    assert len(files(tmp_path / "faces")) == 2 + 1


def test_a_folder_of_other_pictures_is_left_as_it_is(models, tmp_path, capsys):
    command = ["sample", str(models["biggan"]), "--seeds", "0", "--out", "faces"]
    main(command)
    before = files(tmp_path)
    other = ["sample", str(models["sngan"]), "--seeds", "0-1", "--out", "faces", "--seed", "1"]
    for words, said in (
        (
            [*command, "--truncation", "0.5"],
            "--out faces holds pictures that were made otherwise (truncation): name another folder",
        ),
        ([*command, "--label", "1"], "made otherwise (classes): name"),
        (other, "made otherwise (seed, weights): name"),
    ):
        with pytest.raises(SystemExit):
            main(words)
        assert said in capsys.readouterr().err
    (tmp_path / "faces" / "asked.json").rename(tmp_path / "asked.json")
    with pytest.raises(SystemExit):  # as an earlier version of the zoo left it
        main(command)
    assert "holds pictures, and no asked.json that tells what they were made of" in capsys.readouterr().err
    (tmp_path / "asked.json").rename(tmp_path / "faces" / "asked.json")
    assert files(tmp_path) == before
    (tmp_path / "faces" / "seed000000.png").unlink()
    main(other)  # no picture is left that it would stand beside
    assert len(files(tmp_path / "faces")) == 3


def test_processes_share_the_seeds(models, tmp_path, monkeypatch):
    for rank in range(2):
        monkeypatch.setenv("RANK", str(rank))
        monkeypatch.setenv("WORLD_SIZE", "2")
        # as if at once: a rank must not see what the other has written
        main(["sample", str(models["sngan"]), "--seeds", "0-4", "--out", f"rank{rank}"])
    parts = [sorted(path.name for path in (tmp_path / f"rank{rank}").iterdir()) for rank in range(2)]
    assert [len(part) for part in parts] == [3 + 1, 2 + 1]
    assert set(parts[0]) & set(parts[1]) == {"asked.json"}


def test_two_processes_side_by_side_leave_no_seed_out(models, tmp_path):
    """Real processes side by side: each must keep to its own share, whatever is written already."""

    def sample(rank: int) -> None:
        os.environ |= {"RANK": str(rank), "WORLD_SIZE": "2"}  # as torchrun gives them
        main(["sample", str(models["sngan"]), "--seeds", "0-40", "--out", str(tmp_path / "faces")])

    assert together(sample, 2)
    assert sorted(p.name for p in (tmp_path / "faces").glob("*.png")) == [f"seed{k:06d}.png" for k in range(41)]
    main(["sample", str(models["sngan"]), "--seeds", "0-40", "--out", "alone.npz"])
    with np.load("alone.npz") as file:
        for k in (0, 17, 40):
            assert np.array_equal(pixels(tmp_path / "faces" / f"seed{k:06d}.png"), file["arr_0"][k])


@pytest.mark.parametrize("paper", ["sngan", "biggan"])
def test_an_npz_is_gone_on_with_after_a_stop(models, paper, tmp_path, monkeypatch, capsys):
    command = ["sample", str(models[paper]), "--seeds", "0-40", "--out"]
    main([*command, "whole.npz"])
    drawn, draw = [], seeds.draw

    def stopped(gan, numbers, *options):
        for i, part in enumerate(draw(gan, numbers, *options)):
            if i == 1:
                raise KeyboardInterrupt
            yield part

    monkeypatch.setattr(seeds, "draw", stopped)
    with pytest.raises(SystemExit):
        main([*command, "parts.npz"])
    assert not (tmp_path / "parts.npz").exists()
    with (tmp_path / "parts.npz.part").open("ab") as file:
        file.write(b"half a picture")  # as a kill leaves it

    def recorded(gan, numbers, *options):
        drawn.extend(numbers)
        return draw(gan, numbers, *options)

    monkeypatch.setattr(seeds, "draw", recorded)
    main([*command, "parts.npz"])
    assert drawn == list(range(16, 41))
    assert "16 of them from a call that was stopped" in capsys.readouterr().out
    with np.load("whole.npz") as a, np.load("parts.npz") as b:
        assert a.files == b.files
        assert all(np.array_equal(a[name], b[name]) for name in a.files)
    assert sorted(p.name for p in tmp_path.glob("*npz*")) == ["parts.npz", "whole.npz"]


def test_another_call_s_remains_are_not_gone_on_with(models, tmp_path):
    main(["sample", str(models["sngan"]), "--seeds", "5-7", "--out", "right.npz"])
    other = Npz(tmp_path / "s.npz", 3, 32, {"seeds": "0-2"}).__enter__()
    other.add(np.zeros((1, 32, 32, 3), np.uint8), None)
    other.__exit__(KeyboardInterrupt)
    assert (tmp_path / "s.npz.part").is_file()
    main(["sample", str(models["sngan"]), "--seeds", "5-7", "--out", "s.npz"])
    with np.load("right.npz") as a, np.load("s.npz") as b:
        assert np.array_equal(a["arr_0"], b["arr_0"])


def test_an_npz_is_in_adm_s_layout(models):
    main(["sample", str(models["biggan"]), "--seeds", "0-20", "--labels", "3,4", "--out", "s.npz"])
    with np.load("s.npz") as file:
        images, labels = file["arr_0"], file["arr_1"]
    assert images.shape == (21, 32, 32, 3)
    assert images.dtype == np.uint8
    assert labels.tolist() == [3 + k % 2 for k in range(21)]
    main(["sample", str(models["biggan"]), "--seeds", "5", "--label", "4", "--out", "one"])
    assert np.array_equal(pixels("one/seed000005.png"), images[5])


WALKS = {
    "latents": ("stylegan", ["--seeds", "0-1", "--out", "w.mp4"], 6),
    "grid": ("sngan", ["--seeds", "0-1", "--grid", "2x1", "--kind", "spline", "--out", "w.gif"], 6),
    "open": ("sngan", ["--seeds", "0-2", "--kind", "linear", "--loop", "false", "--out", "w.webp"], 6),
    "layers": ("stylegan", ["--seeds", "0-1", "--layers", "0-1", "--truncation", "0.7", "--out", "w.mp4"], 6),
    "truncations": ("stylegan", ["--truncations", "[-1,1]", "--out", "w.mp4"], 6),
    "classes": ("biggan", ["--classes", "1,7", "--out", "w.mp4"], 6),
    "photos": ("introvae", ["--photos", "[a.png,b.png]", "--out", "w.mp4"], 6),
}


@pytest.mark.parametrize("walk", WALKS)
def test_walks_move_and_are_videos(models, tmp_path, walk):
    paper, words, n = WALKS[walk]
    (tmp_path / "a.png").write_bytes(png(1, (40, 40)))
    (tmp_path / "b.png").write_bytes(png(2, (40, 40)))
    main(["walk", str(models[paper]), "--frames", "3", *words])
    found = frames(tmp_path / words[-1])
    assert len(found) == n
    assert all(frame.shape == found[0].shape for frame in found)
    assert min(found[0].shape[:2]) >= 256
    assert not np.array_equal(found[0], found[2])


def test_between_keeps_stops_lengths_and_loops():
    stops = torch.randn(3, 64, generator=torch.Generator().manual_seed(0))
    for kind in paths.KINDS:
        closed = paths.between(stops, 10, kind)
        assert closed.shape == (30, 64)
        torch.testing.assert_close(closed[::10], stops, rtol=1e-4, atol=1e-4)
        through = paths.between(stops, 10, kind, loop=False)
        assert through.shape == (20, 64)
        torch.testing.assert_close(through[[0, -1]], stops[[0, -1]], rtol=1e-4, atol=1e-4)
    norms = paths.between(stops, 10).norm(dim=1)
    assert norms.min() >= stops.norm(dim=1).min() - 1e-4  # a straight line would dip to 0.7 of it


def test_a_run_grows_at_one_size(tmp_path):
    folder = tmp_path / "run" / "samples"
    folder.mkdir(parents=True)
    for kimg, side in ((1, 50), (2, 100), (10, 100)):
        Image.new("RGB", (side, side), (kimg * 20, 0, 0)).save(folder / f"kimg-{kimg:09.1f}.png")
        Image.new("RGB", (9, 9)).save(folder / f"kimg-{kimg:09.1f}-reconstructions.png")
    main(["grow", "run", "--out", "g.mp4", "--fps", "4", "--hold", "1"])
    found = frames(tmp_path / "g.mp4")
    assert len(found) == 3 + 4
    reds = [frame[-5, -5, 0] for frame in found]
    assert reds[0] < reds[1] < reds[2]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["walk", "x.ckpt", "--out", "w.avi"], "w.avi is no video: end it with .mp4, .gif, .webp"),
        (["walk", "x.ckpt", "--grid", "3"], "--grid is columns x rows"),
        (["walk", "x.ckpt", "--seeds", "a"], "'a' names no numbers"),
        (["walk", "sngan", "--layers", "0-1"], "SNGAN has no styles to mix"),
        (["walk", "stylegan", "--layers", "0-99"], "layers lie in 0.."),
        (["walk", "sngan", "--seeds", "4"], "at least two stops"),
        (["walk", "sngan", "--classes", "1,2"], "no shared class embedding"),
        (["walk", "sngan", "--photos", "[a.png]"], "has no encoder"),
        (["walk", "sngan", "--classes", "1,2", "--layers", "0"], "choose one of --classes"),
        (["sample", "sngan", "--seeds", "9-3"], "'9-3' names no numbers"),
        (["sample", "sngan", "--seeds", "0", "--out", "a.png"], "a folder or an .npz, not a.png"),
        (["sample", "sngan", "--seeds", "0", "--labels", "1", "--out", "a"], "trained without classes"),
        (
            ["sample", "sngan", "--labels", "1"],
            "--labels does nothing with --sheet grid: leave it out, for it goes",
        ),
        (["grow", "nowhere"], "no sheets in nowhere"),
        (["grow", "nowhere", "--hold", "1e9"], "hold takes a number from 0 to 600, not 1e9"),
        (["grow", "x", "--fps", "1e-6"], "--fps of a .mp4 takes a number from 0.1 to 240, not 1e-06"),
        (
            ["walk", "x.ckpt", "--out", "w.gif", "--fps", "60"],
            "--fps of a .gif takes a number from 0.1 to 50, not 60",
        ),
        (["walk", "stylegan", "--layers", "0,2"], "--layers takes one run of layers, such as 0-3, not 0,2"),
        (["walk", "sngan", "--truncations", "[1,0]"], "--truncations [1.0, 0.0]: truncation must be positive"),
        (["walk", "introvae", "--photos", "[a.png]", "--seeds", "0"], "--seeds does nothing with --photos"),
        (["walk", "introvae", "--photos", "[a.png]", "--seed", "0"], "--seed does nothing with --photos"),
        (["walk", "introvae", "--photos", "[a.png]", "--grid", "3x2"], "--grid does nothing with --photos"),
        (["walk", "sngan", "--frames", "1000000"], "4,000,000 pictures are more than the 100,000 that a walk may"),
        (["walk", "sngan", "--seeds", "0-2999999"], "180,000,000 pictures are more than"),
        (
            ["walk", "sngan", "--frames", "20000", "--out", "w.gif"],
            "w.gif would hold 80,000 frames in memory, 14.6 GiB",
        ),
    ],
)
def test_mistakes_are_one_sentence(models, words, told, capsys):
    words = [str(models[word]) if word in models else word for word in words]
    with pytest.raises(SystemExit) as refused:
        main(words)
    assert refused.value.code == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert told in line


@pytest.mark.parametrize(("kind", "fps", "lasts"), [("gif", 30, 330), ("gif", 50, 200), ("webp", 240, 42)])
def test_a_video_lasts_as_long_as_it_is_said_to(kind, fps, lasts, tmp_path):
    """GIF counts in hundredths of a second: not every frame of thirty can last as long."""
    shades = [np.full((256, 256, 3), 20 * i, np.uint8) for i in range(10)]
    assert video.write(tmp_path / f"a.{kind}", shades, fps) == 10
    image, lasting = Image.open(tmp_path / f"a.{kind}"), []
    for i in range(image.n_frames):
        image.seek(i)
        image.load()
        lasting.append(image.info["duration"])
    assert len(lasting) == 10
    assert sum(lasting) == lasts


def test_a_stopped_video_leaves_no_file(tmp_path):
    def broken():
        yield np.zeros((8, 8, 3), np.uint8)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        video.write(tmp_path / "a.mp4", broken())
    assert not list(tmp_path.iterdir())
