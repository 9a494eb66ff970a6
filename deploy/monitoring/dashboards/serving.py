"""How the service answers requests."""

from __future__ import annotations

from typing import Final

from panels import Dashboard, Panel, Query

from dashboards.queries import ANSWERS, FAULTS, REQUESTS, mean, quantiles, rate, share

_FOUND: Final = "sum(rate(foreword_prompt_cache_hits_total[$__rate_interval]))"

SERVING: Final = Dashboard(
    uid="foreword-serving",
    title="Foreword: Serving SLO",
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
                        f"sum(rate({REQUESTS}{{{FAULTS}}}[$__rate_interval]))",
                        f"sum(rate({REQUESTS}[$__rate_interval]))",
                    )
                ),
            ),
        ),
        Panel(
            title="Latency of answers",
            description="Time from the arrival of a request to its end.",
            unit="s",
            queries=quantiles("foreword_request_duration_seconds", "rpc", ANSWERS, (0.5, 0.95, 0.99)),
        ),
        Panel(
            title="Requests by RPC",
            description="Requests that have ended, per second.",
            unit="reqps",
            queries=(rate(REQUESTS, "rpc"),),
        ),
        Panel(
            title="Errors by reason",
            description="Requests that failed, per second. Full queues need more machines or fewer requests.",
            unit="reqps",
            queries=(rate("foreword_rejected_total", "reason"),),
        ),
        Panel(
            title="Time to first token",
            description="From the arrival of a request for text at the engine.",
            unit="s",
            queries=quantiles("foreword_time_to_first_token_seconds", "base_model"),
        ),
        Panel(
            title="Time per output token",
            description="After the first token.",
            unit="s",
            queries=quantiles("foreword_time_per_output_token_seconds", "base_model"),
        ),
        Panel(
            title="Time in the queue",
            description="From the arrival of a request at the engine until it is in a batch.",
            unit="s",
            queries=quantiles("foreword_queue_seconds", "base_model"),
        ),
        Panel(
            title="Load of the engine",
            description="Requests and tokens that wait, and rows in batches.",
            queries=(
                Query(expr="sum(foreword_queue_depth)", legend="waiting requests"),
                Query(expr="sum(foreword_running_rows)", legend="running rows"),
                Query(expr="sum(foreword_queued_tokens)", legend="waiting tokens"),
            ),
        ),
        Panel(
            title="Batches",
            description="Mean number of rows in a batch, and of their tuned models.",
            queries=(
                mean("foreword_batch_size", "work"),
                mean("foreword_prompts_per_batch", "work", ", tuned models"),
            ),
        ),
        Panel(
            title="Base models in memory",
            description="Memory of the weights.",
            unit="bytes",
            queries=(Query(expr="sum by (base_model) (foreword_model_resident_bytes)", legend="{{base_model}}"),),
        ),
        Panel(
            title="Tuned models found in memory",
            description="Share of requests whose tuned model was not read from the artifact store.",
            unit="percentunit",
            queries=(
                Query(
                    expr=share(_FOUND, f"({_FOUND} + sum(rate(foreword_prompt_cache_misses_total[$__rate_interval])))"),
                    legend="share",
                ),
            ),
        ),
        Panel(
            title="Memory of tuned models",
            description="At most FOREWORD_PROMPT_CACHE_BYTES for each server.",
            unit="bytes",
            queries=(Query(expr="foreword_prompt_cache_bytes", legend="{{instance}}"),),
        ),
        Panel(
            title="Database transactions",
            description="Time of a transaction.",
            unit="s",
            queries=quantiles("foreword_database_transaction_seconds", "use"),
        ),
        Panel(
            title="Holds of the event loop",
            description="Times that one request held all others up; the log event_loop_held names it.",
            queries=(Query(expr="increase(foreword_event_loop_holds_total[$__rate_interval])", legend="{{instance}}"),),
        ),
        Panel(
            title="Events to webhooks",
            description="Attempts to deliver an event per second, by the outcome: delivered, or the problem.",
            unit="reqps",
            queries=(rate("foreword_webhook_attempt_seconds_count", "outcome"),),
        ),
        Panel(
            title="Events that wait",
            description="Events that wait for enabled webhooks, those of receivers that fail included.",
            queries=(Query(expr="max(foreword_webhook_waiting_events)", legend="events"),),
        ),
        Panel(
            title="Processor time",
            description="Processors in use by each process.",
            queries=(
                Query(
                    expr='rate(process_cpu_seconds_total{job=~"foreword.*"}[$__rate_interval])',
                    legend="{{job}} {{instance}}",
                ),
            ),
        ),
    ),
)
