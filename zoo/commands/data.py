"""Data sets: prepare them, look at them, cut them for streaming."""

from pathlib import Path
from typing import Literal

from zoo.options.ranges import PositiveInt, Processes, Side


def prepare(
    kind: Literal["celebahq", "ffhq", "imagenet", "lsun", "celeba", "cifar10", "stl10", "svhn", "folder"],
    source: Path,
    dest: Path,
    resolution: Side | None = None,
    pyramid: bool = False,
    crop: str | None = None,
    filter: Literal["mean", "box", "lanczos", "bilinear", "bicubic"] | None = None,
    format: Literal["png", "webp"] = "png",
    min_side: Side | None = None,
    split: str | None = None,
    limit: PositiveInt | None = None,
    duplicates: Literal["keep", "drop"] = "keep",
    workers: Processes | None = None,
    download: bool = False,
    stretch: bool = False,
) -> None:
    """Make a data-set zip from a folder, zip, parquet, TFRecords, lmdb, NPY or torchvision's files.

    Crop and filter are by default those of the data set's papers: zoo/data/README.md has them, and the rules for
    odd images. Killed on the way, the same command goes on.

    Args:
        kind: The data set; "folder" is any set of images.
        source: Where it is.
        dest: The zip to write; {resolution} in it is replaced by the resolution.
        resolution: Side of the images in pixels.
        pyramid: Also write a zip of each power of two below the resolution, down to 4 px, for growing models.
        crop: "center" cuts the central square out, "none" skips images that are not square, "center-N" cuts the
            central N pixels, "celeba" PGGAN's square of aligned CelebA images, "wide" 4:3 as of LSUN cars.
        filter: "mean" takes repeated 2x2 means, the others are Pillow's; FID depends on it.
        format: Of the images inside; WebP is lossless too, and smaller.
        min_side: Leave out images with a shorter side (default: the resolution, or what the wide crop needs).
        split: Such as train or val, where the source has several.
        limit: Take only the first images.
        duplicates: Images with the same pixels as an earlier one are listed, and kept or dropped.
        workers: Processes (default: all cores).
        download: Let torchvision fetch CIFAR-10, STL-10 or SVHN.
        stretch: Bring each image's least and greatest value to 0 and 255 before it is resized, as SNGAN's ImageNet.
    """
    from zoo.preparation.prepare import prepare as run

    print(
        run(
            kind, source, dest, resolution, pyramid, crop, filter, format, min_side, split, limit, duplicates,
            workers, download, stretch,
        )
    )  # fmt: skip


def inspect(
    path: Path,
    out: Path = Path("inspect.png"),
    kind: Literal[
        "celebahq", "ffhq", "imagenet", "lsun", "celeba", "cifar10", "stl10", "svhn", "folder"
    ] = "folder",
    split: str | None = None,
    sample: PositiveInt = 5000,
) -> None:
    """Say what a data set holds and draw a contact sheet with its suspicious images.

    Args:
        path: Anything that `zoo data prepare` reads, or what it wrote.
        out: The picture to write.
        kind: The data set, where its layout has to be known.
        split: Of sources that have several.
        sample: Look at so many images, evenly spaced; the classes are counted over all of them.
    """
    from zoo.data.files import check_unread
    from zoo.pictures.grids import check_picture
    from zoo.preparation.inspection import inspect as look
    from zoo.preparation.sheet import contact_sheet

    check_picture(out)
    check_unread("--out", out, path)
    found = look(path, kind, split, sample)
    print(found)
    contact_sheet(found, out)
    print(f"contact sheet: {out}")


def stream(source: Path, dest: Path, chunk_mb: PositiveInt = 64) -> None:
    """Cut a prepared zip into chunks that training streams from object storage, for sets larger than a disk.

    Args:
        source: The zip.
        dest: A new folder, to be copied to s3:// or elsewhere as it is.
        chunk_mb: Size of a chunk; 16 of them are shuffled together.
    """
    from zoo.data.streaming import write_stream

    n = write_stream(source, dest, chunk_mb)
    print(f"{dest}: {n:,} images in chunks of {chunk_mb} MB; give the folder, or where you copy it, as data path")
