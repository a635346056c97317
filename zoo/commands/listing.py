"""What is there: papers and recipes, runs and where they stand, this machine."""

from pathlib import Path


def papers(reproductions: Path | None = None, results: Path = Path("results")) -> None:
    """Show the papers, their recipes, and how many results each recipe has.

    Args:
        reproductions: Folder of the scripts and recipes; the zoo's own by default.
        results: Folder of the results rows.
    """
    from rich.console import Console
    from rich.table import Table

    from zoo.leaderboard.rows import recipe_of
    from zoo.options.folders import recipes_folder

    reproductions = reproductions or recipes_folder()
    if not reproductions.is_dir():
        raise FileNotFoundError(f"no folder {reproductions}: leave --reproductions out for the zoo's own recipes")
    table = Table("paper", "recipe", "results", "what it is")
    scripts = (path.stem for path in reproductions.glob("*.py"))
    for paper in sorted(name for name in scripts if (reproductions / name).is_dir()):
        files = [*results.glob(f"{paper}/*.json"), *results.glob(f"imitation/{paper}-*.json")]
        rows = [recipe_of(p) for p in files]
        recipes = sorted((reproductions / paper).glob("*.yaml"), key=lambda p: (p.stem != "paper", p.stem))
        for i, recipe in enumerate(recipes):
            about = recipe.read_text().splitlines()[0].lstrip("# ")
            table.add_row(paper if i == 0 else "", recipe.stem, str(rows.count(recipe.stem) or ""), about)
    Console().print(table)
    print("train one with: zoo train PAPER RECIPE, such as zoo train sngan tiny")


def runs(runs: Path = Path("runs")) -> None:
    """Show the runs: what is running, where it stands, when it ends, and its last score.

    Args:
        runs: Folder of the runs.
    """
    from datetime import datetime, timedelta

    from rich.console import Console
    from rich.table import Table

    from zoo.training import standing

    found = [standing.standing(folder) for folder in standing.folders(runs)]
    if not found:
        raise FileNotFoundError(
            f"no runs under {runs}: `zoo train sngan tiny` makes one, --runs names another folder"
        )
    table = Table("paper", "run", "state", "kimg", "hours", "ends", "last score")
    for one in found:
        ends = ""
        if one.hours_left is not None:
            end = datetime.now() + timedelta(hours=one.hours_left)
            ends = f"{end:%d %b %H:%M}, in {one.hours_left:.1f} h"
        score = ", ".join(f"{k} {v:.4g}" for k, v in list(one.score.items())[:2])
        hours = "" if one.hours is None else f"{one.hours:.2f}"
        kimg = f"{one.kimg:g} of {one.total_kimg:g}" + ("" if one.unit == "kimg" else f" {one.unit}")
        table.add_row(one.folder.parent.name, one.folder.name, one.state, kimg, hours, ends, score)
    Console().print(table)


def show(run: Path) -> None:
    """Show one run: where it stands, what differs from the paper's recipe, its curves, its last sheet.

    Args:
        run: Its folder, such as runs/sngan/tiny-001.
    """
    from zoo.leaderboard.curves import AXES, log
    from zoo.options.folders import recipes_folder
    from zoo.training import standing

    config, one = standing.config_of(run), standing.standing(run)
    paper = run.resolve().parent.name
    print(f"{run}: {one.state} at {one.kimg:g} of {one.total_kimg:g} {one.unit}")
    if not (recipes_folder() / f"{paper}.py").is_file():  # a run that lies elsewhere than in runs/<paper>
        print(f"\nno recipe to compare with: {paper} is no paper of the zoo")
    else:
        changed = standing.differences(config, paper)
        print("\nother than the paper's recipe:" if changed else "\nas the paper's recipe")
        for name, (theirs, ours) in changed.items():
            print(f"  {name}: {theirs} -> {ours}")
    rows = log(run)
    names = sorted({name for row in rows for name in row} - {*AXES, "epoch"})
    print("\ncurves, first to last:" if names else "\nnothing was logged yet")
    width = max((len(name) for name in names), default=0)
    for name in names:
        values = [row[name] for row in rows if name in row]
        print(f"  {name:{width}}  {standing.sparkline(values):40}  {values[0]:.4g} -> {values[-1]:.4g}")
    sheets = sorted((run / "samples").glob("kimg-*.png"))
    checkpoint = run / "checkpoints" / "last.ckpt"
    print(f"\nlast sheet: {sheets[-1] if sheets else 'none yet'}")
    print(f"checkpoint: {checkpoint if checkpoint.is_file() else 'none yet'}")


def doctor() -> None:
    """Say what this machine has: versions, devices, weights found, caches, disk."""
    import os
    import shutil
    from importlib.util import find_spec

    import torch
    from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3

    from zoo.engine.devices import hardware
    from zoo.evaluation.reference import cache_root
    from zoo.leaderboard.rows import versions

    print("versions")
    for name, value in versions().items():
        print(f"  {name:16} {value}")
    print("devices")
    print(f"  cpu              {hardware('cpu')}, {os.cpu_count()} cores, {torch.get_num_threads()} threads")
    for i in range(torch.cuda.device_count()):
        free, total = (number / 2**30 for number in torch.cuda.mem_get_info(i))
        print(f"  cuda:{i}           {hardware(f'cuda:{i}')}, {free:.0f} of {total:.0f} GiB free")
    if not torch.cuda.is_available():
        print("  cuda             none here")
    print("optional packages")
    for package, extra in PACKAGES.items():
        there = "found" if find_spec(package) else f"missing: pip install 'gan-zoo[{extra}]'"
        print(f"  {package:16} {there}")
    print("weights")
    hub = Path(torch.hub.get_dir())
    cached = hub / "checkpoints" / Path(URL_INCEPTION_V3).name
    inception = Path(os.environ.get("ZOO_INCEPTION") or cached).expanduser()
    found = "found" if inception.is_file() else "missing, so no FID, IS or KID until it is fetched at first use"
    print(f"  inception        {inception}: {found}")
    print("folders")
    for name, path in {"references": cache_root(), "torch hub": hub}.items():
        size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) if path.is_dir() else 0
        print(f"  {name:16} {path}, {size / 2**20:.0f} MiB")
    disk = shutil.disk_usage(Path.cwd())
    print(f"  disk here        {disk.free / 2**30:.0f} of {disk.total / 2**30:.0f} GiB free")


#: module -> the extra that brings it
PACKAGES = {
    "matplotlib": "plots",
    "sklearn": "separability",
    "pyarrow": "data",
    "imageio_ffmpeg": "video",
    "gradio": "explore",
    "onnx": "onnx",
    "ot": "lab",
    "wandb_workspaces": "dashboards",
}
