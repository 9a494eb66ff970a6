"""Queries that several dashboards use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from panels import Query

REQUESTS: Final = "foreword_request_duration_seconds_count"
FAULTS: Final = 'code=~"INTERNAL|UNKNOWN|UNAVAILABLE|DATA_LOSS"'
"""The status codes that are the service's fault."""
ANSWERS: Final = 'rpc=~"InferenceService/(Generate|Classify)"'
"""The RPCs whose latency a caller waits for; streams and batches last as long as their answers."""
WINDOW: Final = "$__rate_interval"


def quantiles(metric: str, by: str = "", selector: str = "", shares: Sequence[float] = (0.5, 0.99)) -> list[Query]:
    """Return quantiles of a histogram."""
    labels = f"le, {by}" if by else "le"
    buckets = f"sum by ({labels}) (rate({metric}_bucket{{{selector}}}[{WINDOW}]))"
    return [
        Query(expr=f"histogram_quantile({share}, {buckets})", legend=f"{_legend(by)} p{share * 100:g}".strip())
        for share in shares
    ]


def mean(metric: str, by: str, name: str = "") -> Query:
    """Return the mean of a histogram.

    Args:
        name: Added to the legend.
    """
    total, count = (f"sum by ({by}) (rate({metric}_{part}[{WINDOW}]))" for part in ("sum", "count"))
    return Query(expr=f"{total} / ({count} > 0)", legend=_legend(by) + name)


def share(part: str, whole: str) -> str:
    """Return a share as PromQL: 0 if there is no series of the part, and nothing if the whole is 0."""
    return f"({part} or 0 * {whole}) / ({whole} > 0)"


def rate(metric: str, by: str, selector: str = "") -> Query:
    """Return the rate of a counter per second."""
    return Query(expr=f"sum by ({by}) (rate({metric}{{{selector}}}[{WINDOW}]))", legend=_legend(by))


def increase(metric: str, by: str, selector: str = "") -> Query:
    """Return what was added to a counter in the range of the dashboard."""
    return Query(expr=f"sum by ({by}) (increase({metric}{{{selector}}}[$__range]))", legend=_legend(by))


def events(metric: str, by: str, selector: str = "") -> Query:
    """Return how many events were counted in the range of the dashboard. Prometheus extrapolates to fractions."""
    query = increase(metric, by, selector)
    return Query(expr=f"round({query.expr})", legend=query.legend)


def _legend(by: str) -> str:
    return " ".join(f"{{{{{label.strip()}}}}}" for label in by.split(",") if label)
