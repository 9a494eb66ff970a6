"""What tenants use and what they are charged."""

from __future__ import annotations

from typing import Final

from panels import Dashboard, Panel, Query, Variable

from dashboards.queries import events, increase, rate, share

TENANT: Final = Variable(name="tenant", metric="foreword_tenant_requests_total")
_MINE: Final = 'tenant=~"$tenant"'

TENANTS: Final = Dashboard(
    uid="foreword-tenants",
    title="Foreword: Tenants and cost",
    variables=(TENANT,),
    panels=(
        Panel(
            title="Capacity unit hours",
            description="What tenants were charged for tuning and evaluation in the range of the dashboard.",
            kind="table",
            queries=(increase("foreword_capacity_unit_hours_total", "tenant, kind", _MINE),),
        ),
        Panel(
            title="Requests",
            description="Requests of each tenant per second.",
            unit="reqps",
            queries=(rate("foreword_tenant_requests_total", "tenant", _MINE),),
        ),
        Panel(
            title="Requests that failed",
            description="Share of a tenant's requests that did not end with OK.",
            unit="percentunit",
            queries=(
                Query(
                    expr=share(
                        rate("foreword_tenant_requests_total", "tenant", f'{_MINE}, code!="OK"').expr,
                        rate("foreword_tenant_requests_total", "tenant", _MINE).expr,
                    ),
                    legend="{{tenant}}",
                ),
            ),
        ),
        Panel(
            title="Tokens in the range",
            description="Tokens of answers, by direction.",
            kind="bargauge",
            queries=(events("foreword_tokens_total", "tenant, direction", _MINE),),
        ),
        Panel(
            title="Tokens of deployments",
            description="Tokens of answers per second. Series without a deployment are those of base models.",
            queries=(rate("foreword_tokens_total", "tenant, deployment", _MINE),),
        ),
        Panel(
            title="Requests for text and labels",
            description="Requests of each deployment or base model per second, those of batches one by one.",
            unit="reqps",
            queries=(rate("foreword_inference_requests_total", "tenant, deployment, outcome", _MINE),),
        ),
        Panel(
            title="Captured requests",
            description="Requests of the captured share per second. Those that are not stored say why.",
            unit="reqps",
            queries=(rate("foreword_captured_requests_total", "tenant, deployment, outcome", _MINE),),
        ),
        Panel(
            title="Answers that feedback calls right",
            description="Share of the feedback with a right answer. It is no sample: people report what is wrong.",
            unit="percentunit",
            queries=(
                Query(
                    expr=share(
                        rate("foreword_feedback_total", "tenant, deployment", f'{_MINE}, correct="yes"').expr,
                        rate("foreword_feedback_total", "tenant, deployment", f'{_MINE}, correct!="unknown"').expr,
                    ),
                    legend="{{tenant}} {{deployment}}",
                ),
            ),
        ),
        Panel(
            title="Drift of requests",
            description="Distance of captured requests to the training data: divergence of lengths, words and answers "
            "in bits, difference of confidence and abstention. Every server exports the same numbers.",
            queries=(
                Query(
                    expr=f"max by (tenant, deployment, measure) (foreword_drift{{{_MINE}}})",
                    legend="{{tenant}} {{deployment}} {{measure}}",
                ),
            ),
        ),
        Panel(
            title="Deployments whose requests have drifted",
            description="1 if a measure is above its tolerance and not by chance, of how many requests.",
            kind="table",
            queries=(
                Query(
                    expr=f"max by (tenant, deployment) (foreword_drift_detected{{{_MINE}}})",
                    legend="{{tenant}} {{deployment}}",
                ),
                Query(
                    expr=f"max by (tenant, deployment) (foreword_drift_requests{{{_MINE}}})",
                    legend="{{tenant}} {{deployment}} requests",
                ),
            ),
        ),
        Panel(
            title="Jobs that have not ended",
            description="Every server exports the same numbers.",
            queries=(
                Query(
                    expr='max by (tenant, kind, state) (foreword_tenant_jobs{tenant=~"$tenant"})',
                    legend="{{tenant}} {{kind}} {{state}}",
                ),
            ),
        ),
        Panel(
            title="Used this month",
            description="Requests, tokens and capacity unit hours since the first of the month (UTC). Every "
            "server exports the same numbers, and a restart does not reset them.",
            kind="table",
            queries=(
                Query(
                    expr='max by (tenant, kind) (foreword_tenant_usage_this_month{tenant=~"$tenant"})',
                    legend="{{tenant}} {{kind}}",
                ),
            ),
        ),
        Panel(
            title="Charges per hour",
            description="Capacity unit hours per hour: the devices that a tenant keeps busy.",
            queries=(
                Query(
                    expr='3600 * sum by (tenant) (rate(foreword_capacity_unit_hours_total{tenant=~"$tenant"}'
                    "[$__rate_interval]))",
                    legend="{{tenant}}",
                ),
            ),
        ),
    ),
)
