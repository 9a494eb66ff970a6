"""How OpenAI's interface over HTTP answers requests."""

from __future__ import annotations

from typing import Final

from panels import Dashboard, Panel, Query

from dashboards.queries import quantiles, rate, share

_REQUESTS: Final = "foreword_http_request_duration_seconds_count"
_JOB: Final = 'job="foreword-http"'

HTTP: Final = Dashboard(
    uid="foreword-http",
    title="Foreword: HTTP",
    panels=(
        Panel(
            title="Availability",
            description="Share of requests without a fault of the service. Refusals and wrong requests are no faults.",
            unit="percentunit",
            kind="stat",
            queries=(
                Query(
                    expr="1 - "
                    + share(
                        f'sum(rate({_REQUESTS}{{code=~"5.."}}[$__rate_interval]))',
                        f"sum(rate({_REQUESTS}[$__rate_interval]))",
                    )
                ),
            ),
        ),
        Panel(
            title="Requests by route",
            description="Requests that have ended, per second. Those to an address that does not exist are `other`.",
            unit="reqps",
            queries=(rate(_REQUESTS, "route"),),
        ),
        Panel(
            title="Requests by status",
            description="Requests that have ended, per second. 499 is that of callers who went before an answer.",
            unit="reqps",
            queries=(rate(_REQUESTS, "code"),),
        ),
        Panel(
            title="Latency by route",
            description="Time from the head of a request to the end of its response, streams as well.",
            unit="s",
            queries=quantiles("foreword_http_request_duration_seconds", "route"),
        ),
        Panel(
            title="Connections and streams",
            description="Open connections, 2,000 at most, and responses that are being sent in several parts.",
            queries=(
                Query(expr="sum by (instance) (foreword_http_open_connections)", legend="{{instance}} connections"),
                Query(expr="sum by (instance) (foreword_http_open_streams)", legend="{{instance}} streams"),
            ),
        ),
        Panel(
            title="Refused connections",
            description="Connections per second that were refused: too many of their address, or of all.",
            queries=(rate("foreword_http_refused_connections_total", "limit"),),
        ),
        Panel(
            title="Memory",
            description="Resident memory of the process.",
            unit="bytes",
            queries=(Query(expr=f"process_resident_memory_bytes{{{_JOB}}}", legend="{{instance}}"),),
        ),
    ),
)
