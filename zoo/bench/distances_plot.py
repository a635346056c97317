"""The picture of `zoo bench distances`."""

from pathlib import Path
from typing import Any

from zoo.pictures.plots import new_figure, save_figure


def draw(result: dict[str, Any], out: Path) -> None:
    """A panel a disturbance: each distance as a multiple of what the undisturbed images score; and the bias."""
    about, measures = result["conditions"], result["measures"]
    names = list(about["levels"])
    figure = new_figure(13, 6.4)
    panels = list(figure.subplots(2, 4).flat)
    for axes, name in zip(panels, names, strict=False):
        levels = about["levels"][name]
        for i, (measure, found) in enumerate(measures.items()):
            values = found["levels"][name]
            axes.plot(range(len(values)), [v / values[0] for v in values], "o-", color=f"C{i}", label=measure, ms=4)
        axes.set_xticks(range(len(levels) + 1), ["none", *(f"{x:g}" for x in levels)])
        axes.set(title=name, yscale="log")
        axes.axhline(1, color="grey", linewidth=0.8)
        axes.grid(alpha=0.3)
    last = panels[len(names)]
    for i, (measure, found) in enumerate(measures.items()):
        sizes, values = about["bias"][: len(found["bias"])], found["bias"]
        last.plot(sizes, [v / values[0] for v in values], "o-", color=f"C{i}", label=measure, ms=4)
    last.set(title=f"real images, 1 is at {about['bias'][0]:,}", xscale="log", yscale="log")
    last.set_xticks(about["bias"], [f"{size // 1000}k" for size in about["bias"]])
    last.minorticks_off()
    last.grid(alpha=0.3)
    last.legend(fontsize="small")
    figure.supylabel("distance, as a multiple of that of undisturbed real images")
    save_figure(figure, out)
