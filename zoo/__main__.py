"""`zoo list | sample | reconstruct | encode | interpolate | attribute | evaluate | data | leaderboard | ...`.

Everything but training.

Imports of torch and Lightning wait until a command needs them.
"""

import sys
from pathlib import Path
from typing import Literal


def list_papers(reproductions: Path = Path("reproductions"), results: Path = Path("results")) -> None:
    """Show the papers, their recipes, and how many results each recipe has.

    Args:
        reproductions: Folder of the scripts and recipes.
        results: Folder of the results rows.
    """
    import json

    from rich.console import Console
    from rich.table import Table

    from zoo.papers import PAPERS

    if not reproductions.is_dir():
        raise FileNotFoundError(f"no folder {reproductions}: call this from the repository, or name it")
    table = Table("paper", "recipe", "results", "what it is")
    for paper in sorted(PAPERS):
        rows = [json.loads(p.read_text())["recipe"] for p in results.glob(f"{paper}/*.json")]
        recipes = sorted((reproductions / paper).glob("*.yaml"), key=lambda p: (p.stem != "paper", p.stem))
        for i, recipe in enumerate(recipes):
            about = recipe.read_text().splitlines()[0].lstrip("# ")
            table.add_row(paper if i == 0 else "", recipe.stem, str(rows.count(recipe.stem) or ""), about)
    Console().print(table)
    print(f"train one with: python {reproductions}/<paper>.py [--config {reproductions}/<paper>/<recipe>.yaml]")


def sample(
    checkpoint: Path,
    out: Path = Path("samples.png"),
    n: int = 64,
    label: int | None = None,
    truncation: float | None = None,
    seed: int = 0,
    ema: bool = True,
    device: str = "cpu",
    sheet: Literal["grid", "mixing", "truncation", "classes", "latents"] = "grid",
) -> None:
    """Draw samples of a checkpoint into one PNG; with classes, a row each for the first ten of them.

    Args:
        checkpoint: A run's checkpoints/last.ckpt or any other.
        out: The picture to write.
        n: Number of samples.
        label: One class for all samples; --class is the same.
        truncation: Bound of the truncation trick.
        seed: Names the latents; the same seed gives the same latents.
        ema: Use the average of G where the model keeps one.
        device: Where to compute, such as cuda.
        sheet: Independent samples; of StyleGAN styles mixed, or one latent a row truncated more and more; or rows
            that walk from class to class (of models with a shared class embedding), or from latent to latent.
    """
    import math

    from zoo import sheets, style_sheets
    from zoo.callbacks import sample_grid, save_grid
    from zoo.gan import load

    gan = load(checkpoint, device)
    side = max(2, math.isqrt(n))
    if sheet == "mixing":
        images, columns = style_sheets.mixing_sheet(gan, seed=seed, ema=ema)
    elif sheet == "truncation":
        images, columns = style_sheets.truncation_strip(gan, seed=seed, ema=ema), len(style_sheets.PSI)
    elif sheet == "classes":
        images, columns = sheets.classes_walk(gan, side, side, seed, truncation, ema), side
    elif sheet == "latents":
        images, columns = sheets.latents_walk(gan, side, side, seed, truncation, ema, label), side
    elif label is None:
        images, columns = sample_grid(gan, n, seed, truncation, ema)
    else:
        images, columns = gan.sample(n, label, truncation, ema, seed), max(1, math.isqrt(n))
    save_grid(images, out, columns)
    print(f"{out}: {len(images)} samples at {gan.nimg / 1000:g} kimg")


def evaluate(
    checkpoint: Path,
    n_fake: int | None = None,
    n_real: int | None = None,
    extractors: list[str] | None = None,
    truncation: float | str | None = None,
    seed: int | None = None,
    ema: bool | None = None,
    rounding: Literal["round", "truncate"] | None = None,
    protocol: str | None = None,
    weights: Path | None = None,
    results_dir: Path | None = Path("results"),
    device: str = "cpu",
) -> None:
    """Score a checkpoint against the data it was trained on and write a results row.

    What is not given is as in the run's own evaluation; with --protocol it is as that protocol says.

    Args:
        checkpoint: A checkpoint in its run's folder, whose config.yaml says what the data was.
        n_fake: Generated images.
        n_real: Real images.
        extractors: Any of inception (FID, IS, KID), random, domain:FILE and torch-fidelity's others.
        truncation: Bound of the truncation trick, or first:last:number of bounds, such as 0.05:1.0:20: the
            truncation curve, as CSV and plot in the run's folder, with results rows of its best points.
        seed: Names the latents.
        ema: Use the average of G where the model keeps one.
        rounding: How float images become bytes.
        protocol: Named conditions, such as zoo, torch-fidelity, sngan-2018, ttur-2017, biggan-2019.
        weights: File of the Inception weights.
        results_dir: Folder of the results rows; null writes none.
        device: Where to compute, such as cuda.
    """
    import yaml

    from zoo.cli import data_of, run_id
    from zoo.evaluation import truncation as curves
    from zoo.evaluation.callback import Evaluate
    from zoo.evaluation.protocols import OPTIONS
    from zoo.gan import load

    values = curves.bounds(truncation) if isinstance(truncation, str) else None
    gan = load(checkpoint, device)
    folder = checkpoint.resolve().parents[1]
    if not (folder / "config.yaml").is_file():
        raise FileNotFoundError(f"{checkpoint} lies in no run's folder: there is no {folder / 'config.yaml'}")
    config = yaml.safe_load((folder / "config.yaml").read_text())
    data = data_of(config)
    data.enter(gan.trained_stage)
    data.prepare_data()
    data.setup("fit")
    given = {
        "n_fake": n_fake,
        "n_real": n_real,
        "extractors": extractors,
        "truncation": None if values else truncation,
        "seed": seed,
        "ema": ema,
        "rounding": rounding,
        "protocol": protocol,
        "weights": str(weights) if weights else None,
    }
    kept = {k: v for k, v in config["evaluation"].items() if not (protocol and k in OPTIONS)}
    options = kept | {k: v for k, v in given.items() if v is not None}
    options |= {"results_dir": str(results_dir) if results_dir else None}
    about = {"model": config["model"], "data": config["data"]}
    if values:
        out = folder / f"truncation-kimg-{gan.nimg / 1000:09.1f}"
        curves.curve(gan, data, options, values, about, run_id(folder), out)
        return
    callback = Evaluate(**options)
    callback.config, callback.run = about, run_id(folder)
    result = callback.score(gan, data)
    if results_dir:
        callback.write(gan, data, result)


def compare(
    real: Path | None = None,
    fake: Path | None = None,
    n_fake: int | None = None,
    n_real: int | None = None,
    extractors: list[str] = ["inception", "random"],  # noqa: B006
    protocol: str = "zoo",
    extras: list[str] | None = None,
    batch_size: int = 128,
    weights: Path | None = None,
    out: Path | None = None,
    device: str = "cpu",
) -> None:
    """Score any two folders or zips of images: `zoo evaluate --real A --fake B` is the same.

    Args:
        real: Folder or zip of real images.
        fake: Folder or zip of generated images of the same size.
        n_fake: Generated images; all by default.
        n_real: Real images, a fixed random choice; the protocol's number by default.
        extractors: Any of inception (FID, IS, KID), random, domain:FILE and torch-fidelity's others.
        protocol: Named conditions, such as zoo or torch-fidelity.
        extras: Metrics beyond those of features, such as swd and ms_ssim.
        batch_size: Images per pass of an extractor.
        weights: File of the Inception weights.
        out: JSON file for numbers and conditions.
        device: Where to compute, such as cuda.
    """
    import json

    from zoo.evaluation import folders

    if real is None or fake is None:
        raise ValueError("name both sets: --real FOLDER_OR_ZIP --fake FOLDER_OR_ZIP")
    options = {"n_fake": n_fake, "n_real": n_real, "extras": extras, "protocol": protocol, "batch_size": batch_size}
    result = folders.compare(real, fake, extractors, device, weights=weights, **options)
    print(folders.report(result))
    if out:
        out.write_text(json.dumps(result, indent=2) + "\n")


def reconstruct(
    checkpoint: Path,
    images: Path,
    out: Path = Path("reconstructions.png"),
    n: int = 32,
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
    from zoo import encoding
    from zoo.evaluation.reconstruction import mean_errors

    gan = encoding.load_encoder(checkpoint, device)
    photos, _ = encoding.read_photos(images, gan.resolution)
    again = encoding.decode(gan, encoding.encode(gan, photos), ema)
    encoding.pairs(photos[:n], again[:n]).save(out)
    errors = mean_errors(photos, again)
    print(
        f"{out}: {min(n, len(photos))} of {len(photos)} photos, its reconstruction at the right of each; over all: "
        f"MSE {errors['mse']:.5f}, PSNR {errors['psnr']:.2f} dB, SSIM {errors['ssim']:.3f}"
    )


def encode(
    checkpoint: Path,
    images: Path,
    out: Path = Path("latents.npz"),
    picture: Path = Path("neighbours.png"),
    rows: int = 8,
    device: str = "cpu",
) -> None:
    """Write the latents of photos, and a picture of some of them, each before its nearest in latent space.

    Args:
        checkpoint: A model with an encoder, such as introvae's.
        images: Folder or zip of photos; the central square of each is taken.
        out: The file to write: arrays "latents" (photos, latent_dim) and "names".
        picture: The picture to write.
        rows: Photos whose neighbours are shown.
        device: Where to compute, such as cuda.
    """
    import numpy as np

    from zoo import encoding

    gan = encoding.load_encoder(checkpoint, device)
    photos, names = encoding.read_photos(images, gan.resolution)
    z = encoding.encode(gan, photos)
    out.parent.mkdir(parents=True, exist_ok=True)
    np.savez(out, latents=z.float().numpy(), names=np.array(names))
    encoding.neighbours(photos, z, rows).save(picture)
    print(f"{out}: latents of {len(z)} photos, {z.shape[1]} numbers each")
    print(f"{picture}: in each row a photo, then those nearest to it in latent space")


def interpolate(
    checkpoint: Path,
    a: Path,
    b: Path,
    out: Path = Path("interpolation.png"),
    steps: int = 8,
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
    from zoo import encoding

    gan = encoding.load_encoder(checkpoint, device)
    start, end = (encoding.read_photo(path, gan.resolution) for path in (a, b))
    encoding.interpolate(gan, start, end, steps, ema).save(out)
    print(f"{out}: {a}, {steps} steps from its reconstruction to that of the other, {b}")


def attribute(
    checkpoint: Path,
    having: Path,
    lacking: Path,
    images: Path,
    out: Path = Path("attribute.png"),
    strengths: list[float] | None = None,
    n: int = 8,
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
    from zoo import encoding

    gan = encoding.load_encoder(checkpoint, device)
    strengths = [-1.0, 0.0, 0.5, 1.0, 1.5] if strengths is None else strengths
    sides = [encoding.read_photos(path, gan.resolution)[0] for path in (having, lacking)]
    vector = encoding.direction(gan, *sides)
    photos, _ = encoding.read_photos(images, gan.resolution, n)
    encoding.move(gan, photos, vector, strengths, ema).save(out)
    print(
        f"{out}: {len(photos)} photos, each at strengths {', '.join(f'{s:g}' for s in strengths)} of what {having} "
        f"({len(sides[0])} photos) has and {lacking} ({len(sides[1])} photos) lacks"
    )


def prepare(
    kind: Literal["celebahq", "ffhq", "imagenet", "lsun", "celeba", "cifar10", "stl10", "svhn", "folder"],
    source: Path,
    dest: Path,
    resolution: int | None = None,
    pyramid: bool = False,
    crop: str | None = None,
    filter: Literal["mean", "box", "lanczos", "bilinear", "bicubic"] | None = None,
    format: Literal["png", "webp"] = "png",
    min_side: int | None = None,
    split: str | None = None,
    limit: int | None = None,
    duplicates: Literal["keep", "drop"] = "keep",
    workers: int | None = None,
    download: bool = False,
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
        min_side: Leave out images with a shorter side (default: the resolution).
        split: Such as train or val, where the source has several.
        limit: Take only the first images.
        duplicates: Images with the same pixels as an earlier one are listed, and kept or dropped.
        workers: Processes (default: all cores).
        download: Let torchvision fetch CIFAR-10, STL-10 or SVHN.
    """
    from zoo.data.prepare import prepare as run

    print(
        run(
            kind, source, dest, resolution, pyramid, crop, filter, format, min_side, split, limit, duplicates,
            workers, download,
        )
    )  # fmt: skip


def stream(source: Path, dest: Path, chunk_mb: int = 64) -> None:
    """Cut a prepared zip into chunks that training streams from object storage, for sets larger than a disk.

    Args:
        source: The zip.
        dest: A new folder, to be copied to s3:// or elsewhere as it is.
        chunk_mb: Size of a chunk; 16 of them are shuffled together.
    """
    from zoo.data.streaming import write_stream

    n = write_stream(source, dest, chunk_mb)
    print(f"{dest}: {n:,} images in chunks of {chunk_mb} MB; give the folder, or where you copy it, as data path")


def train_domain(
    path: list[str],
    out: Path,
    resolution: int | None = None,
    epochs: float = 5,
    seed: int = 0,
    threads: int | None = None,
) -> None:
    """Train a small classifier on labelled images, as an extractor where Inception's weights cannot be had.

    Args:
        path: Folder (sub-folders are classes) or zip, or several zips to join.
        out: The file to write; name it as an extractor by domain:FILE.
        resolution: Side of the images in pixels.
        epochs: Passes over the images.
        seed: Of weights and order.
        threads: CPU threads of PyTorch.
    """
    import torch

    from zoo.data import ImageDataModule
    from zoo.evaluation import domain

    if resolution is None:
        raise ValueError("say how large the images are, such as --resolution 32")
    if threads:
        torch.set_num_threads(threads)
    data = ImageDataModule(path, resolution)
    trained = domain.train(data, epochs, seed=seed, report=lambda text: print(text, flush=True))
    name = domain.save(trained, out)
    accuracy = trained["about"]["held_out_accuracy"]
    print(f"{out}: domain:{name}, {100 * accuracy:.1f} % right on held-out images")


def inspect(
    path: Path,
    out: Path = Path("inspect.png"),
    kind: Literal[
        "celebahq", "ffhq", "imagenet", "lsun", "celeba", "cifar10", "stl10", "svhn", "folder"
    ] = "folder",
    split: str | None = None,
    sample: int = 5000,
) -> None:
    """Say what a data set holds and draw a contact sheet with its suspicious images.

    Args:
        path: Anything that `zoo data prepare` reads, or what it wrote.
        out: The picture to write.
        kind: The data set, where its layout has to be known.
        split: Of sources that have several.
        sample: Look at so many images, evenly spaced; the classes are counted over all of them.
    """
    from zoo.data.inspection import inspect as look
    from zoo.data.sheet import contact_sheet

    found = look(path, kind, split, sample)
    print(found)
    contact_sheet(found, out)
    print(f"contact sheet: {out}")


def bench_evaluation(
    n: int = 64,
    full: int = 10_000,
    resolution: int = 32,
    batch_size: int = 32,
    device: str = "cpu",
    memory: int | None = None,
    width: int = 2048,
    threads: int | None = None,
) -> None:
    """Time scoring against the bare forward pass of FID's network.

    Args:
        n: Images of each set that go through the network.
        full: Images of each set that the ratio is extended to.
        resolution: Side of the images in pixels.
        batch_size: Images per pass.
        device: Where to compute, such as cuda.
        memory: Measure instead what KID and PRDC of so many features of each set need.
        width: Features of an image, for memory.
        threads: CPU threads of PyTorch.
    """
    import torch

    from zoo.bench import evaluation

    if threads:
        torch.set_num_threads(threads)
    if memory:
        print(evaluation.memory(memory, width, device))
    else:
        print(evaluation.run(n, full, resolution, batch_size, device))


def leaderboard(results: Path = Path("results"), check: bool = False) -> None:
    """Render README.md, leaderboard.csv and index.html of the results folder from the rows.

    Args:
        results: Folder of the rows and of published.csv.
        check: Write nothing; fail if the rendered files are older than the rows.
    """
    from zoo import leaderboard as board

    if check and not board.check(results):
        raise ValueError(f"{results}/README.md is older than the rows: run `zoo leaderboard`")
    for path in [] if check else board.render(results):
        print(path)


def curves(
    runs: list[str],
    metric: str = "fd_random",
    x: Literal["kimg", "hours", "step"] = "kimg",
    out: Path = Path("curves.png"),
    log_y: bool = False,
) -> None:
    """Draw one metric of logged runs as curves: a recipe each, with a band where runs of other seeds repeat it.

    Args:
        runs: The runs' folders, such as runs/ttur/cifar10-*, or their rows, such as results/ttur/cifar10-*.json.
        metric: What to draw, such as fid, fd_random or loss/d.
        x: Images shown to D, hours of training, or training steps.
        out: The picture to write; its ending chooses the format.
        log_y: Draw the metric on a logarithmic scale.
    """
    from zoo.curves import curves as run

    print(run(runs, metric, x, out, log_y))


def lab_saddle(out: Path = Path("saddle.png"), steps: int = 5000, runs: int = 20, seed: int = 0) -> None:
    """Play TTUR's toy problem, a saddle with noisy gradients, at one rate and at two.

    Args:
        out: The picture to write.
        steps: Steps of each run.
        runs: Runs of each setting; one is drawn.
        seed: Names the noise.
    """
    from zoo.dynamics.saddle import lab

    print(lab(out, steps, runs, seed))


def lab_plane(
    paper: str,
    data: str = "ring",
    out: Path | None = None,
    kimg: float | None = None,
    seed: int = 0,
    options: dict | None = None,
) -> None:
    """Train a paper's method on points, in about a minute: samples, D's level sets and gradient, modes covered.

    Args:
        paper: One of r1gan, rothgan, ttur, ctgan and vgan, several with commas, or all.
        data: ring, grid, swissroll, submanifold (Roth's mixture in space).
        out: The picture to write; plane-PAPER-DATA.png by default.
        kimg: Thousands of real points to show; the paper's setting by default.
        seed: Of weights, latents and points.
        options: Arguments of the paper's model over its setting, such as '{penalty: none}'.
    """
    from zoo.dynamics.plane import lab

    print(lab(paper, data, out or Path(f"plane-{paper}-{data}.png"), kimg, seed, options))


def listed(args: list[str]) -> list[str]:
    """`curves a b --x kimg` as `curves ["a", "b"] --x kimg`: jsonargparse takes a list as one argument."""
    import json

    if args[:1] != ["curves"]:
        return args
    n = next((i for i, word in enumerate(args) if word.startswith("-")), len(args))
    return args if n < 2 else ["curves", json.dumps(args[1:n]), *args[n:]]


def bench_data(
    path: Path | None = None, resolution: int = 128, workers: int = 2, batch: int = 64, step_ms: float = 50
) -> None:
    """Measure how fast images reach training.

    Args:
        path: A zip of JPEGs of that resolution (default: drawn faces with grain).
        resolution: Their side in pixels.
        workers: Processes that decode.
        batch: Images of a batch.
        step_ms: Length of the training step whose waiting is measured.
    """
    from zoo.bench.data import run

    print(run(path, resolution, workers, batch, step_ms))


def bench_step(
    recipe: Path,
    batch_size: int | None = 2,
    steps: int = 2,
    precisions: list[str] | None = None,
    layouts: list[str] | None = None,
    timeout: float = 600,
    device: str = "cpu",
) -> None:
    """Time and peak memory of one training step of a recipe, in float32 and bfloat16, channels_last and contiguous.

    Args:
        recipe: Such as reproductions/biggan/paper.yaml.
        batch_size: Every batch of the recipe cut to so many images, in one part; null keeps the recipe's.
        steps: Steps after the first, of which the fastest counts.
        precisions: Only these of 32-true and bf16-mixed.
        layouts: Only these of channels_last and contiguous.
        timeout: Seconds after which a setting is given up.
        device: cpu or cuda.
    """
    from zoo.bench.step import step

    step(recipe, batch_size, steps, precisions, layouts, timeout, device)


def main(args: list[str] | None = None) -> None:
    """Entry point of the console script."""
    from jsonargparse import auto_cli

    commands = {
        "list": list_papers,
        "sample": sample,
        "reconstruct": reconstruct,
        "encode": encode,
        "interpolate": interpolate,
        "attribute": attribute,
        "evaluate": evaluate,
        "compare": compare,
        "train-domain": train_domain,
        "data": {
            "_help": "Prepare data sets and look at them.",
            "prepare": prepare,
            "inspect": inspect,
            "stream": stream,
        },
        "bench": {
            "_help": "Measurements.",
            "data": bench_data,
            "evaluation": bench_evaluation,
            "step": bench_step,
        },
        "leaderboard": leaderboard,
        "curves": curves,
        "lab": {"_help": "Small experiments on a CPU.", "saddle": lab_saddle, "plane": lab_plane},
    }
    args = sys.argv[1:] if args is None else list(args)
    if args[:1] == ["evaluate"] and any(word.partition("=")[0] in ("--real", "--fake") for word in args):
        args[0] = "compare"  # no checkpoint: two folders
    if args[:1] == ["sample"]:  # `class` is no name for a Python argument
        args = ["--label" + word[7:] if word.partition("=")[0] == "--class" else word for word in args]
    try:
        auto_cli(
            commands,
            args=listed(args),
            prog="zoo",
            description="Everything but training.",
        )
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from error


if __name__ == "__main__":
    main()
