"""What the crosshair of a chart meets."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any

from foreword.http.studio.charts import plot
from foreword.http.studio.charts.comparison import RunCurve, losses_chart
from foreword.http.studio.charts.learning_curve import epoch_name
from foreword.http.studio.charts.scales import linear


def stops_of(chart: str) -> list[Any]:
    """Return what a script reads of a chart."""
    [found] = re.findall(r'data-stops="([^"]*)"', chart)
    return list(json.loads(unescape(found)))


def test_it_stops_where_any_curve_has_a_point_and_names_what_is_there() -> None:
    curves = [
        RunCurve(number=1, name="a", points=[(1.0, 2.0), (2.0, 1.0)], kind="tuned"),
        RunCurve(number=2, name="b", points=[(2.0, 4.0)], kind="base"),
    ]
    found = stops_of(str(losses_chart(curves, "Loss")))

    assert [(at, name) for at, name, _ in found] == [("50%", "Epoch 1"), ("100%", "Epoch 2")]
    assert [said[:2] for said in found[0][2]] == [["(1)", "2"]]
    assert [said[:2] for said in found[1][2]] == [["(1)", "1"], ["(2)", "4"]]


def test_a_long_curve_is_read_at_60_places_with_its_first_and_its_last() -> None:
    points = [(float(number), number / 5000) for number in range(5000)]
    line = plot.Line(name="loss", points=points, scale=linear(0, 1), written="{:.3f}".format)
    found = plot.stops([line], linear(0, 4999), epoch_name)

    assert len(found) == 60
    assert (found[0].at, found[-1].at) == (0.0, 1.0)
    assert found[-1].values == [("loss", "1.000", 1 - 4999 / 5000)]


def test_a_chart_without_points_is_no_stop_of_the_keyboard() -> None:
    assert "tabindex" not in plot.chart([], name="Nothing", stops=plot.stops([], linear(0, 1), epoch_name))
