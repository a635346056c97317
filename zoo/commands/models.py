"""What a trained model can show: samples and sheets, and with an encoder, latents and reconstructions."""

import mimetypes
from pathlib import Path
from typing import Literal

from zoo.options.folders import check_folder, check_new
from zoo.options.heeded import check_heeded
from zoo.options.ranges import FiniteFloat, NonNegativeInt, Seed, SheetSize

#: ways to draw samples -> what of the options that only some of them heed
HEEDED = {
    "--seeds": {"label", "labels", "truncation"},
    "--sheet grid": {"n", "label", "truncation"},
    "--sheet latents": {"n", "label", "truncation"},
    "--sheet classes": {"n", "truncation"},
    "--sheet mixing": set(),
    "--sheet truncation": set(),
}


def sample(
    checkpoint: Path,
    out: Path = Path("samples.png"),
    n: SheetSize | None = None,
    label: NonNegativeInt | None = None,
    truncation: FiniteFloat | None = None,
    seed: Seed = 0,
    ema: bool = True,
    device: str = "cpu",
    sheet: Literal["grid", "mixing", "truncation", "classes", "latents"] | None = None,
    seeds: str | None = None,
    labels: str | None = None,
) -> None:
    """Draw samples of a checkpoint: a sheet, or with --seeds one picture for each seed.

    A sheet has, with classes, a row each for the first ten of them. Its cell k is seed k of --seeds: the same
    checkpoint, number and class always give the same picture.

    Args:
        checkpoint: A run's checkpoints/last.ckpt or any other.
        out: The picture to write; with --seeds a folder, or an .npz (arr_0 uint8 N x R x R x 3, classes in arr_1).
        n: Number of samples; 64 by default.
        label: One class for all samples; --class is the same.
        truncation: Bound of the truncation trick.
        seed: Names the latents; the same seed gives the same latents.
        ema: Use the average of G where the model keeps one.
        device: Where to compute, such as cuda.
        sheet: A grid by default; of StyleGAN styles mixed, or one latent a row truncated more and more; or rows
            that walk from class to class (of models with a shared class embedding), or from latent to latent.
        seeds: Numbers such as 0-49999 or 0,5,8-11: one PNG each, named by it. What is there already is left, and a
            folder of other things or of pictures that were made otherwise is refused; under torchrun the processes
            share the work.
        labels: Classes such as 0-9 that the seeds take in turn; by default each seed draws its own.
    """
    from zoo.pictures import walks
    from zoo.pictures.grids import check_picture, save_grid
    from zoo.training.loading import load

    if seeds is not None and sheet is not None:
        raise ValueError("--sheet is one picture and --seeds are many: give one of them")
    way = f"--sheet {sheet or 'grid'}" if seeds is None else "--seeds"
    check_heeded(way, HEEDED, n=n, label=label, labels=labels, truncation=truncation)
    if seeds is not None:
        return _sample_seeds(checkpoint, out, seeds, labels, label, truncation, seed, ema, device)
    check_picture(out)
    gan = load(checkpoint, device)
    images, columns = walks.sheet(gan, sheet or "grid", n or 64, label, truncation, seed, ema)
    save_grid(images, out, columns)
    print(f"{out}: {len(images)} samples at {gan.nimg / 1000:g} kimg")


def _sample_seeds(
    checkpoint: Path,
    out: Path,
    seeds: str,
    labels: str | None,
    label: int | None,
    truncation: float | None,
    seed: int,
    ema: bool,
    device: str,
) -> None:
    import os

    from zoo.options.bar import track
    from zoo.pictures import seeds as pictures
    from zoo.pictures.npz import Npz
    from zoo.training.loading import load

    if label is not None and labels is not None:
        raise ValueError("give --label or --labels, not both")
    numbers = pictures.parse(seeds)
    classes = [label] if label is not None else pictures.parse(labels) if labels else None
    rank, world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    if out.suffix == ".npz" and world > 1:
        raise ValueError("several processes write a folder of PNGs, not one .npz: give --out a folder")
    if out.suffix == ".npz":
        check_new("--out", out)
    elif mimetypes.guess_type(out.name)[0] and not out.is_dir():  # "faces.v2" is a folder
        raise ValueError(f"--seeds writes a folder or an .npz, not {out}: choose another --out")
    else:
        check_folder("--out", out)
    gan = load(checkpoint, device)
    pictures.check_drawn(gan, classes, truncation)
    options = (classes, truncation, ema, seed)
    asked = {"classes": classes, "truncation": truncation, "ema": ema, "seed": seed}
    asked |= {"weights": pictures.digest(gan)}
    if out.suffix == ".npz":
        with Npz(out, len(numbers), gan.trained_stage.resolution, asked | {"seeds": seeds}) as file:
            before, rest = file.done, numbers[file.done :]
            for _, images, y in track(pictures.draw(gan, rest, *options), len(rest), lambda part: len(part[0])):
                file.add(images, y)
        gone_on = f", {before} of them from a call that was stopped" if before else ""
        print(f"{out}: {len(numbers)} pictures at {gan.nimg / 1000:g} kimg{gone_on}")
        return
    pictures.check_asked(out, asked)
    numbers = list(dict.fromkeys(numbers))  # a seed has one file
    # each process looks at its own share alone: others write while it looks
    own = pictures.missing(out, numbers[rank::world])
    for some, images, _ in track(pictures.draw(gan, own, *options), len(own), lambda part: len(part[0])):
        pictures.tell_asked(out, asked)
        for number, image in zip(some, images, strict=True):
            pictures.save_png(out, number, image)
    there = f", {len(numbers) - len(own)} were there or are another process's" if len(own) < len(numbers) else ""
    print(f"{out}: {len(own)} pictures at {gan.nimg / 1000:g} kimg{there}")


def reconstruct(
    checkpoint: Path,
    images: Path,
    out: Path = Path("reconstructions.png"),
    n: SheetSize = 32,
    ema: bool = True,
    device: str = "cpu",
) -> None:
    """Encode photos and decode them again: a picture of photo | reconstruction pairs, and the mean errors.

    Args:
        checkpoint: A model with an encoder, such as introvae's.
        images: Folder or zip of photos; the central square of each is taken.
        out: The picture to write.
        n: Pairs in the picture.
        ema: Use the average of G where the model keeps one.
        device: Where to compute, such as cuda.
    """
    from zoo.data.files import check_unread
    from zoo.data.photos import Photos
    from zoo.evaluation.reconstruction import rebuilt
    from zoo.pictures import encoded
    from zoo.pictures.grids import check_picture
    from zoo.training.loading import load_encoder

    check_picture(out)
    check_unread("--out", out, images)
    gan = load_encoder(checkpoint, device)
    photos = Photos(images, gan.resolution)
    shown, again, errors = rebuilt(gan, photos, n, ema)
    encoded.pairs(shown, again).save(out)
    print(
        f"{out}: {len(shown)} of {len(photos)} photos, its reconstruction at the right of each; over all: "
        f"MSE {errors['mse']:.5f}, PSNR {errors['psnr']:.2f} dB, SSIM {errors['ssim']:.3f}"
    )


def encode(
    checkpoint: Path,
    images: Path,
    out: Path = Path("latents.npz"),
    picture: Path = Path("neighbours.png"),
    rows: SheetSize = 8,
    device: str = "cpu",
) -> None:
    """Write the latents of photos, and a picture of some of them, each before its nearest in latent space.

    Args:
        checkpoint: A model with an encoder, such as introvae's.
        images: Folder or zip of photos; the central square of each is taken.
        out: The .npz to write: arrays "latents" (photos, latent_dim) and "names".
        picture: The picture to write.
        rows: Photos whose neighbours are shown.
        device: Where to compute, such as cuda.
    """
    import numpy as np

    from zoo.data.files import check_unread
    from zoo.data.photos import Photos
    from zoo.data.whole import replacing
    from zoo.engine import encoders
    from zoo.pictures import encoded
    from zoo.pictures.grids import check_picture
    from zoo.training.loading import load_encoder

    check_new("--out", out, ".npz")
    check_picture(picture, "--picture")
    check_unread("--out", out, images)
    check_unread("--picture", picture, images)
    gan = load_encoder(checkpoint, device)
    photos = Photos(images, gan.resolution)
    z = encoders.encode(gan, photos)
    sheet = encoded.neighbours(photos, z, rows)
    out.parent.mkdir(parents=True, exist_ok=True)
    with replacing(out) as part, part.open("wb") as file:
        np.savez(file, latents=z.float().numpy(), names=np.array(photos.names))
    sheet.save(picture)
    print(f"{out}: latents of {len(z)} photos, {z.shape[1]} numbers each")
    print(f"{picture}: in each row a photo, then those nearest to it in latent space")


def interpolate(
    checkpoint: Path,
    a: Path,
    b: Path,
    out: Path = Path("interpolation.png"),
    steps: SheetSize = 8,
    ema: bool = True,
    device: str = "cpu",
) -> None:
    """Walk from one photo to another on the straight line between their latents: photo a, the steps, photo b.

    Args:
        checkpoint: A model with an encoder, such as introvae's.
        a: The photo at the left.
        b: The photo at the right.
        out: The picture to write.
        steps: Images between the photos, the two reconstructions included.
        ema: Use the average of G where the model keeps one.
        device: Where to compute, such as cuda.
    """
    from zoo.data.files import check_unread
    from zoo.data.photos import read_photo
    from zoo.pictures import encoded
    from zoo.pictures.grids import check_picture
    from zoo.training.loading import load_encoder

    check_picture(out)
    check_unread("--out", out, a, b)
    gan = load_encoder(checkpoint, device)
    start, end = (read_photo(path, gan.resolution) for path in (a, b))
    encoded.interpolate(gan, start, end, steps, ema).save(out)
    print(f"{out}: {a}, {steps} steps from its reconstruction to that of the other, {b}")


def attribute(
    checkpoint: Path,
    having: Path,
    lacking: Path,
    images: Path,
    out: Path = Path("attribute.png"),
    strengths: list[FiniteFloat] | None = None,
    n: SheetSize = 8,
    ema: bool = True,
    device: str = "cpu",
) -> None:
    """Add to photos what the photos of one folder have and those of another lack, by arithmetic on latents.

    The difference of the two mean latents, times each strength, is added to the latent of each photo. In a row of
    the picture: the photo, then one image for each strength.

    Args:
        checkpoint: A model with an encoder, such as introvae's.
        having: Folder or zip of photos that have the attribute.
        lacking: Folder or zip of photos that do not.
        images: Folder or zip of the photos to change.
        out: The picture to write.
        strengths: Factors of the difference; by default [-1, 0, 0.5, 1, 1.5].
        n: Photos to change, at most.
        ema: Use the average of G where the model keeps one.
        device: Where to compute, such as cuda.
    """
    from zoo.data.files import check_unread
    from zoo.data.photos import Photos
    from zoo.pictures import encoded
    from zoo.pictures.grids import check_picture
    from zoo.training.loading import load_encoder

    check_picture(out)
    check_unread("--out", out, having, lacking, images)
    if having.resolve() == lacking.resolve():
        raise ValueError(f"{lacking} cannot both have the attribute and lack it: name two folders")
    gan = load_encoder(checkpoint, device)
    strengths = [-1.0, 0.0, 0.5, 1.0, 1.5] if strengths is None else strengths
    sides, changed = [Photos(path, gan.resolution) for path in (having, lacking)], Photos(images, gan.resolution)
    vector = encoded.direction(gan, *sides)
    photos = changed[range(min(n, len(changed)))]
    encoded.move(gan, photos, vector, strengths, ema).save(out)
    print(
        f"{out}: {len(photos)} photos, each at strengths {', '.join(f'{s:g}' for s in strengths)} of what {having} "
        f"({len(sides[0])} photos) has and {lacking} ({len(sides[1])} photos) lacks"
    )
