"""Scores of models and of folders, the leaderboard, and curves of logged runs."""

from pathlib import Path
from typing import Literal

from zoo.options.folders import check_new
from zoo.options.ranges import BatchSize, FiniteFloat, PositiveFloat, PositiveInt, Processes, Seed, Side


def evaluate(
    checkpoint: Path,
    n_fake: PositiveInt | None = None,
    n_real: PositiveInt | None = None,
    extractors: list[str] | None = None,
    truncation: FiniteFloat | str | None = None,
    seed: Seed | None = None,
    n_seeds: PositiveInt | None = None,
    ema: bool | None = None,
    rounding: Literal["round", "truncate"] | None = None,
    protocol: str | None = None,
    extras: list[str] | None = None,
    weights: Path | None = None,
    results_dir: Path | None = Path("results"),
    device: str = "cpu",
    data: str | None = None,
    threads: Processes | None = None,
) -> None:
    """Score a checkpoint against the data it was trained on and write a results row.

    What is not given is as in the run's own evaluation; with --protocol it is as that protocol says.

    Args:
        checkpoint: A checkpoint in its run's folder, whose config.yaml says what the data was, or one that
            `zoo import` wrote.
        n_fake: Generated images.
        n_real: Real images.
        extractors: Any of inception (FID, IS, KID), efficientnet-lite0, dinov2, random, domain:FILE and
            torch-fidelity's others.
        truncation: Bound of the truncation trick, or first:last:number of bounds, such as 0.05:1.0:20: the
            truncation curve, as CSV and plot in the run's folder, with results rows of its best points.
        seed: Names the latents.
        n_seeds: Sampling seeds from `seed` on; the row has means and deviations.
        ema: Use the average of G where the model keeps one.
        rounding: How float images become bytes.
        protocol: Named conditions, such as zoo, torch-fidelity, sngan-2018, ttur-2017, biggan-2019.
        extras: Metrics beyond those of features, such as fwd, auth_pct, swd and ms_ssim.
        weights: File of the Inception weights.
        results_dir: Folder of the results rows; null writes none.
        device: Where to compute, such as cuda.
        data: What to score against instead: a folder, a zip or a set by its name, such as CIFAR10. Imported weights
            need it.
        threads: CPU threads of PyTorch.
    """
    from zoo.training.rescore import rescore

    given = {"n_fake": n_fake, "n_real": n_real, "extractors": extractors, "truncation": truncation, "seed": seed}
    given |= {"n_seeds": n_seeds, "ema": ema, "rounding": rounding, "protocol": protocol}
    given |= {"extras": extras, "threads": threads, "weights": str(weights) if weights else None}
    rescore(checkpoint, given, results_dir, device, data)


def compare(
    real: Path | None = None,
    fake: Path | None = None,
    n_fake: PositiveInt | None = None,
    n_real: PositiveInt | None = None,
    extractors: list[str] = ["inception", "efficientnet-lite0", "random"],  # noqa: B006
    protocol: str = "zoo",
    extras: list[str] | None = None,
    batch_size: BatchSize = 128,
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
        extractors: Any of inception (FID, IS, KID), efficientnet-lite0, dinov2, random, domain:FILE and
            torch-fidelity's others.
        protocol: Named conditions, such as zoo or torch-fidelity.
        extras: Metrics beyond those of features, such as swd and ms_ssim.
        batch_size: Images per pass of an extractor.
        weights: File of the Inception weights.
        out: JSON file for numbers and conditions.
        device: Where to compute, such as cuda.
    """
    import json

    from zoo.data.files import check_unread
    from zoo.data.whole import write_whole
    from zoo.evaluation import folders

    if real is None or fake is None:
        raise ValueError("name both sets: --real FOLDER_OR_ZIP --fake FOLDER_OR_ZIP")
    if out:
        check_new("--out", out, ".json")
        check_unread("--out", out, real, fake)
    options = {"n_fake": n_fake, "n_real": n_real, "extras": extras, "protocol": protocol, "batch_size": batch_size}
    result = folders.compare(real, fake, extractors, device, weights=weights, **options)
    print(folders.report(result))
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_whole(out, json.dumps(result, indent=2) + "\n")


def train_domain(
    path: list[str] | str,
    out: Path,
    resolution: Side | None = None,
    epochs: PositiveFloat = 5,
    seed: Seed = 0,
    threads: Processes | None = None,
) -> None:
    """Train a small classifier on labelled images, as an extractor where Inception's weights cannot be had.

    Args:
        path: Folder (sub-folders are classes) or zip, or several zips to join: '[a.zip,b.zip]'.
        out: The file to write; name it as an extractor by domain:FILE.
        resolution: Side of the images in pixels.
        epochs: Passes over the images.
        seed: Of weights and order.
        threads: CPU threads of PyTorch.
    """
    import torch

    from zoo.data import ImageDataModule
    from zoo.evaluation import domain

    check_new("out", out, ".pt", ".pth")
    if resolution is None:
        raise ValueError("say how large the images are, such as --resolution 32")
    if threads:
        torch.set_num_threads(threads)
    data = ImageDataModule(path, resolution)
    trained = domain.train(data, epochs, seed=seed, report=lambda text: print(text, flush=True))
    out.parent.mkdir(parents=True, exist_ok=True)
    name = domain.save(trained, out)
    accuracy = trained["about"]["held_out_accuracy"]
    print(f"{out}: domain:{name}, {100 * accuracy:.1f} % right on held-out images")


def leaderboard(
    results: Path = Path("results"),
    check: bool = False,
    fill: bool = False,
    runs: Path = Path("runs"),
    device: str = "cpu",
) -> None:
    """Render README.md, leaderboard.csv and index.html of the results folder from the rows.

    And beside the folder, where a page has a place for it, the table of one budget in README.md and in
    zoo/evaluation/README.md how far seeds move each distance.

    Args:
        results: Folder of the rows and of published.csv.
        check: Write nothing; fail if the rendered files are older than the rows.
        fill: First add to rows the metrics that they lack (FID, IS and KID where the Inception weights are here,
            the distances of every new row), from checkpoints that are still there; they are marked so.
        runs: Folder of the runs, for --fill.
        device: Where to compute, such as cuda, for --fill.
    """
    from zoo.leaderboard import render as board

    if check and fill:
        raise ValueError("--check writes nothing, --fill does: give one of them")
    if fill:
        from zoo.training.fill import fill as add

        changed = add(results, runs, device=device)
        print(f"{len(changed)} rows filled")
    if check and not board.check(results):
        raise ValueError(f"{results}/README.md is older than the rows: run `zoo leaderboard`")
    for path in [] if check else board.render(results):
        print(path)


def claims(results: Path = Path("results"), figures: bool = False, check: bool = False) -> None:
    """Render claims.md of the results folder: what the papers claim, what was run, and a verdict by rule.

    Args:
        results: Folder with claims/claims.yaml and the rows beside it.
        figures: Draw its pictures anew too.
        check: Write nothing; fail if the page is older than the rows.
    """
    from zoo.leaderboard import claim_figures
    from zoo.leaderboard import claims_page as page
    from zoo.options.folders import check_generated

    if not check:
        check_generated(results / "claims.md", "zoo claims")
    for path in claim_figures.draw(results) if figures and not check else ():
        print(path)
    if not check:
        print(page.write(results))
        return
    text, path = page.render(results), results / "claims.md"
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        raise ValueError(f"{path} is older than its rows: run `zoo claims`")


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
    from zoo.leaderboard.curves import curves as run
    from zoo.pictures.plots import check_figure

    check_figure(out)
    print(run(runs, metric, x, out, log_y))
