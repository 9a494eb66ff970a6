"""The picture of the tuning benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

_OURS, _OTHERS, _INK, _REST = "#d9742b", "#8fa3b5", "#333333", "#e3e3e3"
_LABELS: Final = {
    "foreword": "Foreword",
    "foreword, ia3": "Foreword, IA3",
    "peft, dynamic padding": "PEFT, torch loop",
    "peft, Trainer": "PEFT, Trainer",
    "peft, padded to the limit": "PEFT, padded to the limit",
}


def draw(
    path: Path, title: str, *, speeds: Mapping[str, float], memory: Mapping[str, float], share_of_peak: float
) -> None:
    """Draw speed, memory and the share of the machine's matrix peak as bars.

    Args:
        path: File to write; its extension sets the format.
        speeds: Examples per second by loop.
        memory: Bytes beyond those of imports and model, by loop.
        share_of_peak: Part of the machine's matrix products that the first loop reaches, in [0, 1].
    """
    figure = Figure(figsize=(9, 4.6), dpi=150, layout="constrained", facecolor="white")
    speed, memories, peak = figure.subplots(3, 1, gridspec_kw={"height_ratios": [len(speeds), len(memory), 1.2]})
    _bars(speed, speeds, "examples per second", "{:.3g}")
    _bars(memories, {name: size / 1e6 for name, size in memory.items()}, "memory for tuning, MB", "{:.0f}")
    peak.barh([0], [1.0], color=_REST, height=0.7)
    peak.barh([0], [share_of_peak], color=_OURS, height=0.7)
    peak.text(share_of_peak + 0.01, 0, f"{share_of_peak:.0%}", va="center", color=_INK, fontsize=9)
    peak.set_yticks([0], ["Foreword"])
    peak.set_xlim(0, 1)
    _tidy(peak, "share of the machine's matrix products")
    figure.suptitle(f"Tuning: {title}", x=0.01, ha="left", color=_INK, fontsize=12, fontweight="bold")
    figure.savefig(path)


def _bars(axes: Axes, values: Mapping[str, float], heading: str, form: str) -> None:
    places = range(len(values))
    colours = [_OURS if name.startswith("foreword") else _OTHERS for name in values]
    axes.barh(places, list(values.values()), color=colours, height=0.7)
    for place, value in zip(places, values.values(), strict=True):
        axes.annotate(
            form.format(value), (value, place), (4, 0), textcoords="offset points", va="center", color=_INK, fontsize=9
        )
    axes.set_yticks(places, [_LABELS.get(name, name) for name in values])
    axes.invert_yaxis()
    axes.margins(x=0.08)
    axes.set_xlim(left=0)
    _tidy(axes, heading)


def _tidy(axes: Axes, heading: str) -> None:
    axes.set_title(heading, loc="left", fontsize=10, color=_INK)
    axes.spines[["top", "right", "bottom", "left"]].set_visible(False)
    axes.tick_params(colors=_INK, labelsize=9, length=0)
    axes.set_xticks([])
