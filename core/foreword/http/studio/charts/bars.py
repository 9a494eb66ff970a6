"""Amounts by day, as bars."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

from markupsafe import Markup

from foreword.http.studio.charts import plot
from foreword.http.studio.charts.scales import linear, linear_ticks, per_cent

_KINDS: Final = ("bin", "bin ink")
_LABELLED: Final = 5
"""Days from one label to the next."""


def stacked_days(
    days: Sequence[date], values: Sequence[Sequence[float]], *, title: str, name: str, names: Sequence[str]
) -> Markup:
    """Return a bar for each day, of one or two amounts on top of each other.

    Args:
        values: Amounts by day, not all of them 0.
        title: The title above the plot, with the unit.
        name: The accessible name, without a full stop.
        names: What each of the amounts of a day is.
    """
    most = max(sum(amounts) for amounts in values)
    x, y = linear(0, len(days)), linear(0, most)
    bars = []
    for place, amounts in enumerate(values):
        below = 0.0
        for kind, amount in zip(_KINDS, amounts, strict=True):
            if amount:
                bars.append(
                    Markup('<rect class="{}" x="{}" width="{}" y="{}" height="{}"/>').format(
                        kind, per_cent(x(place)), per_cent(x(1)), per_cent(1 - y(below + amount)), per_cent(y(amount))
                    )
                )
            below += amount
    ticks = [
        Markup('<text class="x{}" x="{}" y="100%" dy="18">{}</text>').format(
            " minor" if place // _LABELLED % 2 else "", per_cent(x(place + 0.5)), f"{day.day} {day:%b}"
        )
        for place, day in enumerate(days)
        if place % _LABELLED == 0
    ]
    stops = [
        plot.Stop(
            at=x(place + 0.5),
            name=f"{day.day} {day:%B}",
            values=[(said, f"{amount:,.0f}", 1 - y(amount)) for said, amount in zip(names, amounts, strict=True)],
        )
        for place, (day, amounts) in enumerate(zip(days, values, strict=True))
        if any(amounts)
    ]
    lines = plot.axes(x, y, (), linear_ticks(0, most, 4), x_labels=False)
    return plot.chart(
        [lines, *bars, *ticks, plot.title(title)],
        name=f"{name}: at most {most:,.0f} on a day.",
        kind="middle",
        stops=stops,
    )
