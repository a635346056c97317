"""Weights & Biases."""


def workspace(project: str) -> None:
    """Make the project's dashboards: a view of all papers and one of each, curves over kimg, grouped over seeds.

    Needs pip install 'gan-zoo[dashboards]' and `wandb login`. Views are added; those of an earlier call stay.

    Args:
        project: ENTITY/PROJECT of Weights & Biases; runs log to the project gan-zoo.
    """
    from zoo.options.bar import track
    from zoo.papers import PAPERS
    from zoo.training.dashboards import workspaces

    views = workspaces(project, sorted(PAPERS))
    for view in track(views, len(views)):
        try:
            view.save()
        except Exception as error:  # W&B's own, of several kinds: no key, no such project, no network
            raise ValueError(f"W&B did not take the view {view.name!r} of {project}: {error}") from error
        print(f"{view.name}: {view.url}")
