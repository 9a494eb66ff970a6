"""Pictures of dashboards, drawn from canned answers of Prometheus."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from factories.monitoring import monitoring

pytest.importorskip("matplotlib")

START, STEP, NUM_POINTS = 1_760_000_000, 5, 60
END = START + STEP * (NUM_POINTS - 1)
DASHBOARDS = monitoring("dashboards").DASHBOARDS
panels, drawing, units = monitoring("panels"), monitoring("drawing"), monitoring("units")
Box = list[float]
"""Left, bottom, right and top in pixels."""


def series(values: list[str], **labels: str) -> dict[str, Any]:
    """Return a series as Prometheus sends it."""
    return {"metric": labels, "values": [[START + STEP * place, value] for place, value in enumerate(values)]}


def number(value: float, **labels: str) -> dict[str, Any]:
    return {"metric": labels, "value": [END, str(value)]}


def one_panel(answer: list[dict[str, Any]], **fields: Any) -> list[str]:
    """Draw a dashboard with one panel and return all of its texts."""
    query = panels.Query(expr="x", legend=fields.pop("legend", "{{tenant}}"))
    panel = panels.Panel(title="Panel", description="A panel.", queries=(query,), **fields)
    dashboard = panels.Dashboard(uid="one", title="One panel", panels=(panel,))
    return [text for text, _ in texts(drawing.draw_dashboard(dashboard, [[answer]], start=START, end=END))]


def texts(figure: Any) -> list[tuple[str, Box]]:
    """Return the visible texts of a figure and their boxes in pixels."""
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.text import Text

    figure.draw_without_rendering()
    renderer = FigureCanvasAgg(figure).get_renderer()
    # Axes without a frame keep their ticks, but do not draw them.
    bare = [axes for axes in figure.findobj(Axes) if not axes.axison]
    hidden = {text for axes in bare for axis in (axes.xaxis, axes.yaxis) for text in axis.findobj(Text)}
    found = [text for text in set(figure.findobj(Text)) - hidden if text.get_visible() and text.get_text()]
    return [(text.get_text(), text.get_window_extent(renderer).extents.tolist()) for text in found]


def test_a_legend_has_the_labels_of_its_series() -> None:
    answer = [series(["1"] * 3, tenant="acme"), series(["2"] * 3, tenant="globex")]

    assert {"One panel", "Panel", "acme", "globex"} <= set(one_panel(answer))


def test_series_beyond_the_seventh_are_counted_in_the_legend() -> None:
    answer = [series([str(place)] * 3, tenant=f"t{place}") for place in range(11)]

    drawn = one_panel(answer)

    assert "4 others" in drawn
    assert ("t10" in drawn, "t0" in drawn) == (True, False), "those with the greatest values have a name"


@pytest.mark.parametrize("answer", [[], [series(["NaN"] * 3, tenant="acme")]])
def test_a_panel_without_a_number_says_so(answer: list[dict[str, Any]]) -> None:
    assert "no data" in one_panel(answer)


def test_a_stat_shows_the_last_number() -> None:
    assert "99.5 %" in one_panel([series(["0.5", "0.995", "NaN"])], kind="stat", unit="percentunit", legend="")


def test_bars_and_tables_show_the_values_at_the_end() -> None:
    answer = [number(1234.0, tenant="acme", kind="tuning"), number(0.25, tenant="globex", kind="tuning")]

    assert {"acme", "1.23 k"} <= set(one_panel(answer, kind="bargauge"))
    assert {"tenant", "kind", "globex", "tuning"} <= set(one_panel(answer, kind="table"))


@pytest.mark.parametrize(
    ("unit", "value", "written"),
    [
        ("s", 0.0042, "4.2 ms"),
        ("s", 90.0, "1.5 min"),
        ("s", 0.0, "0 s"),
        ("bytes", 3 * 2.0**20, "3 MiB"),
        ("percentunit", 0.25, "25 %"),
        ("reqps", 1.5, "1.5 req/s"),
        ("short", 12_500.0, "12.5 k"),
        ("short", 0.25, "0.25"),
    ],
)
def test_values_have_units(unit: str, value: float, written: str) -> None:
    assert units.scale(unit, value).text(value) == written


@pytest.mark.parametrize("uid", ["foreword-serving", "foreword-routing"])  # these have panels of every kind
def test_no_texts_of_a_busy_dashboard_overlap_and_its_file_is_small(uid: str, tmp_path: Path) -> None:
    (dashboard,) = (dashboard for dashboard in DASHBOARDS if dashboard.uid == uid)
    answers = [[busy(panel, query) for query in panel.queries] for panel in dashboard.panels]

    figure = drawing.draw_dashboard(dashboard, answers, start=START, end=END)
    drawing.write_png(figure, tmp_path / "drawn.png")

    drawn = texts(figure)
    assert {panel.title for panel in dashboard.panels} <= {text for text, _ in drawn}
    assert overlapping(drawn) == []
    assert [text for text, box in drawn if box[0] < 0 or box[2] > figure.bbox.x1] == []
    with Image.open(tmp_path / "drawn.png") as image:
        assert image.size == tuple(round(side) for side in figure.bbox.size)
    assert (tmp_path / "drawn.png").stat().st_size < 200_000


def overlapping(drawn: list[tuple[str, Box]]) -> list[str]:
    """Return the pairs of texts that overlap."""
    return [
        f"{text} | {other}"
        for (text, (left, low, right, high)), (other, (x0, y0, x1, y1)) in itertools.combinations(drawn, 2)
        if left < x1 and x0 < right and low < y1 and y0 < high
    ]


def busy(panel: Any, query: Any) -> list[dict[str, Any]]:
    """Return many series with long labels."""
    names = re.findall(r"{{(\w+)}}", query.legend)
    labels = [{name: f"{name}-{place}-with-a-long-name" for name in names} for place in range(12)]
    if panel.kind in panels.INSTANT_KINDS:
        return [number(place * 1.7, **some) for place, some in enumerate(labels)]
    return [
        series([str((place + 1) * (2 + step // 15) / 100) for step in range(NUM_POINTS)], **some)
        for place, some in enumerate(labels)
    ]
