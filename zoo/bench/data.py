"""How fast images reach training: `zoo bench data`.

Everything is measured in one run on this machine: images in memory, a zip beside torchvision's ImageFolder on
the same files, how long a training step would wait, and how long a growing model's next resolution takes to open.
"""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader

from zoo.data import EndlessBatches, ImageDataModule, Images, drawn
from zoo.data.files import Files
from zoo.data.images import loader
from zoo.data.stage import Stage
from zoo.options.bar import track

ROUNDS = 3  # each rate is the best of them: other processes can only slow it down


@dataclass(frozen=True)
class Rate:
    """Images in some wall and processor time of the reading process."""

    images: int
    wall: float
    cpu: float

    @property
    def per_second(self) -> float:
        return self.images / self.wall

    @property
    def per_core(self) -> float:
        """Images for each second of processor time: what a core that is not shared would deliver."""
        return self.images / self.cpu


def rate(batches: Iterator, count: int) -> Rate:
    """Draw `count` batches after a first one, which starts the workers."""
    next(batches)
    wall, cpu, images = time.perf_counter(), time.process_time(), 0
    for batch in islice(batches, count):
        images += len(batch[0])
    return Rate(images, time.perf_counter() - wall, max(time.process_time() - cpu, 1e-9))


def memory(resolution: int = 32, n: int = 50_000, batch: int = 64) -> Rate:
    """uint8 batches from images held in memory, in the order of training, in this process."""
    pixels = torch.randint(256, (n, 3, resolution, resolution), dtype=torch.uint8)
    images = Images(None, n, "random", labels=torch.zeros(n, dtype=torch.int64), pixels=pixels)
    count = max(1, 4 * n // batch)
    pin = torch.cuda.is_available()
    found = [rate(iter(loader(images, EndlessBatches(n, batch, 0), 0, pin)), count) for _ in range(ROUNDS)]
    return max(found, key=lambda r: r.per_second)


def grainy(n: int, resolution: int) -> Iterator[np.ndarray]:
    """Drawn faces with the grain of photographs, uint8 (R, R, 3)."""
    grain = torch.Generator().manual_seed(0)
    for i in range(n):
        (face,) = drawn.draw([i], resolution)
        noisy = (face + 8 * torch.randn(face.shape, generator=grain)).clamp(0, 255).to(torch.uint8)
        yield noisy.permute(1, 2, 0).numpy()


def photographs(folder: Path, n: int, resolution: int) -> tuple[Path, Path]:
    """A class folder of JPEGs and a zip of the same bytes: drawn faces with the grain of photographs."""
    zipped = folder / "photographs.zip"
    (folder / "folder" / "all").mkdir(parents=True)
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_STORED) as archive:
        for i, face in enumerate(grainy(n, resolution)):
            buffer = io.BytesIO()
            Image.fromarray(face).save(buffer, format="jpeg", quality=95)
            archive.writestr(f"{i // 1000:05d}/img{i:08d}.jpg", buffer.getvalue())
            (folder / "folder" / "all" / f"img{i:08d}.jpg").write_bytes(buffer.getvalue())
    return folder / "folder", zipped


def check_zip(path: Path, resolution: int) -> None:
    """Refuse what is no zip of images of a size.

    Raises:
        ValueError, FileNotFoundError: naming the path.
    """
    if path.is_dir():
        raise ValueError(
            f"{path} is a folder: make a zip of it by `zoo data prepare`, or leave it out for drawn faces"
        )
    ImageDataModule(str(path), resolution, memory_gib=0).setup()  # the first image's size is checked


def _unpacked(zipped: Path, folder: Path, n: int) -> Path:
    """A class folder of the zip's first images, whatever folders they lie in."""
    files = Files(zipped)
    (folder / "all").mkdir(parents=True)
    for i, name in enumerate(files.names[:n]):
        (folder / "all" / f"{i}{Path(name).suffix.lower()}").write_bytes(files.bytes(name))
    return folder


def streamed(zipped: Path, resolution: int, batch: int, workers: int) -> Iterator:
    """Training batches decoded as they are needed, as of a set too large for the memory."""
    data = ImageDataModule(str(zipped), resolution, batch, memory_gib=0, num_workers=workers, seed=0)
    return iter(data.train_dataloader())


def image_folder(folder: Path, batch: int, workers: int) -> Iterator:
    """The same through torchvision: ImageFolder, ToTensor and Normalize to [-1, 1], as tutorials have it."""
    from torchvision import transforms
    from torchvision.datasets import ImageFolder

    steps = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,) * 3, (0.5,) * 3)])
    images, stay = ImageFolder(str(folder), steps), workers > 0  # a small set begins anew often
    batches = DataLoader(images, batch, shuffle=True, num_workers=workers, persistent_workers=stay)
    while True:
        yield from batches


def waiting(batches: Iterator, step_seconds: float, count: int = 20) -> float:
    """Share of the time for which a training step of that length would wait for its batch."""
    next(batches)
    waited = 0.0
    begin = time.perf_counter()
    for _ in range(count):
        asked = time.perf_counter()
        next(batches)
        waited += time.perf_counter() - asked
        time.sleep(step_seconds)
    return waited / (time.perf_counter() - begin)


def switching(folder: Path, n: int = 10_000, sizes: tuple[int, int] = (32, 64)) -> float:
    """Seconds from a growing model's new stage to its first batch, with a zip for each resolution."""
    for size in sizes:
        files = []
        for face in drawn.draw(range(200), size):
            buffer = io.BytesIO()
            Image.fromarray(face.permute(1, 2, 0).numpy()).save(buffer, format="png")
            files.append(buffer.getvalue())
        with zipfile.ZipFile(folder / f"grow-{size}.zip", "w") as archive:
            for i in range(n):
                archive.writestr(f"{i // 1000:05d}/img{i:08d}.png", files[i % len(files)])
    data = ImageDataModule(str(folder / "grow-{resolution}.zip"), sizes[1], 64, seed=0)
    data.enter(Stage(sizes[0], 64))
    next(iter(data.train_dataloader()))
    begin = time.perf_counter()
    data.enter(Stage(sizes[1], 64))
    next(iter(data.train_dataloader()))
    return time.perf_counter() - begin


def run(
    path: Path | None = None, resolution: int = 128, workers: int = 2, batch: int = 64, step_ms: float = 50
) -> str:
    """All measurements, as text.

    Args:
        path: a zip of images of `resolution`; one of drawn faces as JPEGs if it is not given.

    Raises:
        ValueError, FileNotFoundError: for a path that is no such zip.
    """
    if path is not None:
        check_zip(path, resolution)
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        in_memory = memory()
        if path is None:
            plain, zipped = photographs(folder, 2000, resolution)
        else:
            plain, zipped = _unpacked(path, folder / "folder", 2000), path
        ours, theirs = [], []
        count = 1500 // batch
        for _ in track(range(ROUNDS), ROUNDS, what="rounds"):  # in turn, so that a busy machine slows both
            ours.append(rate(streamed(zipped, resolution, batch, workers), count))
            theirs.append(rate(image_folder(plain, batch, workers), count))
        alone = [
            max((rate(f(), count // 2) for _ in range(ROUNDS)), key=lambda r: r.per_core)
            for f in (lambda: streamed(zipped, resolution, batch, 0), lambda: image_folder(plain, batch, 0))
        ]
        share = waiting(streamed(zipped, resolution, batch, workers), step_ms / 1000)
        seconds = switching(folder)
    best = [max(r.per_second for r in rates) for rates in (ours, theirs)]
    return "\n".join(
        [
            f"32 px in memory, batches of 64 uint8: {in_memory.per_second:,.0f} images/s in one process "
            f"({in_memory.per_core:,.0f} per second of a core)",
            f"zip of {resolution} px, {workers} workers: {best[0]:,.0f} images/s; torchvision ImageFolder + "
            f"ToTensor + Normalize: {best[1]:,.0f}; ratio {best[0] / best[1]:.2f}",
            f"  per second of a core: {alone[0].per_core:,.0f} and {alone[1].per_core:,.0f}; "
            f"ratio {alone[0].per_core / alone[1].per_core:.2f}",
            f"a training step of {step_ms:g} ms with batch {batch} would wait for {100 * share:.1f} % of the time",
            f"next resolution of a growing model, 10,000 images: first batch after {seconds:.2f} s",
        ]
    )
