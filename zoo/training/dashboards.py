"""Weights & Biases dashboards by code: `zoo wandb workspace ENTITY/PROJECT`."""

import re
from typing import Any

#: section -> panels, each a title and the names of its curves
SECTIONS: dict[str, dict[str, list[str]]] = {
    "distances": {
        "FID": ["metrics/fid"],
        "IS": ["metrics/is_mean"],
        "KID": ["metrics/kid"],
        "FD EfficientNet-Lite0": ["metrics/fd_efficientnet-lite0"],
        "FD random": ["metrics/fd_random"],
        "precision and recall": ["metrics/precision", "metrics/recall"],
    },
    "losses": {"D": ["loss/d"], "G": ["loss/g"]},
    "logits": {"real and generated": ["logits/real", "logits/fake"]},
    "speed": {"images a second": ["speed/images_per_s"], "hours of training": ["hours"]},
}
PICTURES = ["samples", "real", "growth"]
PENALTIES = "penalty/.*"


def project_of(text: str) -> tuple[str, str]:
    """Entity and project of "ENTITY/PROJECT".

    Raises:
        ValueError: for anything else.
    """
    found = re.fullmatch(r"([\w.-]+)/([\w.-]+)", text)
    if not found:
        raise ValueError(f"{text!r} names no W&B project: write it as ENTITY/PROJECT, such as my-team/gan-zoo")
    return found[1], found[2]


def workspaces(project: str, papers: list[str]) -> list[Any]:
    """The views of a project: one of all papers, then one for each paper.

    W&B filters the runs of a view, not those of a section, so a paper has a view of its own, not a section.
    Curves are over kimg; runs of one paper and recipe are one line, with its range over seeds.

    Args:
        project: "ENTITY/PROJECT".
        papers: their short names, which are their runs' tags.

    Raises:
        ValueError: for another project's name, or without the package.
    """
    entity, name = project_of(project)
    try:
        import wandb_workspaces.workspaces as ws
    except ImportError as error:
        raise ValueError("dashboards need wandb-workspaces: pip install 'gan-zoo[dashboards]'") from error
    made = []
    for paper in (None, *papers):
        filters = ws.And(ws.Tags().isin([paper])) if paper else ""
        made.append(
            ws.Workspace(
                entity=entity,
                project=name,
                name=f"zoo: {paper or 'all papers'}",
                sections=sections(),
                settings=ws.WorkspaceSettings(x_axis="kimg", max_runs=100),
                runset_settings=ws.RunsetSettings(
                    filters=filters, groupby=[ws.Config("paper"), ws.Config("recipe")]
                ),
            )
        )
    return made


def sections() -> list[Any]:
    """Distances, losses, logits, penalties, pictures, speed; curves against kimg, bands over seeds."""
    import wandb_workspaces.reports.v2 as wr
    import wandb_workspaces.workspaces as ws

    def plot(title: str, **y: Any) -> Any:
        return wr.LinePlot(title=title, x="kimg", groupby_aggfunc="mean", groupby_rangefunc="minmax", **y)

    made = {
        section: [plot(title, y=names) for title, names in panels.items()] for section, panels in SECTIONS.items()
    }
    made["penalties"] = [plot("penalties", metric_regex=PENALTIES)]
    made["pictures"] = [wr.MediaBrowser(title=key, media_keys=[key], num_columns=4) for key in PICTURES]
    order = ("distances", "losses", "logits", "penalties", "pictures", "speed")
    return [ws.Section(name=section, panels=made[section], is_open=True) for section in order]
