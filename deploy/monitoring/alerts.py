"""The alerts. `deploy/prometheus/alerts.yaml` has them as rules of Prometheus."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

from dashboards.queries import ANSWERS, FAULTS, REQUESTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """An alert.

    Attributes:
        measure: What is measured, as PromQL that returns series whenever the process runs.
        condition: When the alert fires, as PromQL. `{measure}` stands for the measure.
        wait: Time for which the condition must hold.
        summary: One sentence for the person who is woken up, with labels of the series in double braces.
        remedy: What to look at first.
    """

    name: str
    measure: str
    condition: str
    wait: str
    severity: Literal["critical", "warning"]
    summary: str
    remedy: str

    @property
    def expr(self) -> str:
        """The expression of the rule."""
        return self.condition.replace("{measure}", self.measure)


def _share(part: str, whole: str, window: str, by: str = "", offset: str = "") -> str:
    """Return the share of one counter in another, over a time window."""
    grouping = f" by ({by})" if by else ""
    counted, all_of_them = (f"sum{grouping} (increase({counter}[{window}]{offset}))" for counter in (part, whole))
    return f"{counted} / ({all_of_them} > 0)"


_DECISIONS: Final = 'foreword_slack_complaints_total{outcome=~"auto|review|fallback"}'
_LEFT_TO_PEOPLE: Final = 'foreword_slack_complaints_total{outcome=~"review|fallback"}'
_AUTO: Final = 'foreword_slack_complaints_total{outcome="auto"}'
_CORRECTED: Final = "foreword_slack_corrected_complaints_total"

SERVICE: Final = (
    Alert(
        name="ForewordDown",
        measure='up{job=~"foreword.*"}',
        condition="{measure} == 0",
        wait="2m",
        severity="critical",
        summary="{{ $labels.job }} at {{ $labels.instance }} does not answer.",
        remedy="Look at the process and at its log; FOREWORD_METRICS_HOST decides who can read its metrics.",
    ),
    Alert(
        name="ForewordErrorRatio",
        measure=f"sum(rate({REQUESTS}{{{FAULTS}}}[5m])) or vector(0)",
        condition=f"({{measure}}) / sum(rate({REQUESTS}[5m])) > 0.01",
        wait="5m",
        severity="critical",
        summary="{{ $value | humanizePercentage }} of all requests fail by a fault of the service.",
        remedy="The log has an entry with an error_id for each INTERNAL error; UNAVAILABLE names the store.",
    ),
    Alert(
        name="ForewordSlowAnswers",
        measure="histogram_quantile(0.99, sum by (le, rpc) (rate(foreword_request_duration_seconds_bucket"
        f"{{{ANSWERS}}}[5m])))",
        condition="{measure} > 5",
        wait="10m",
        severity="warning",
        summary="One in a hundred calls of {{ $labels.rpc }} takes longer than {{ $value | humanizeDuration }}.",
        remedy="Compare the time in the queue with the time per token on the dashboard Serving SLO.",
    ),
    Alert(
        name="ForewordQueueGrowing",
        measure="foreword_queue_depth",
        condition="min_over_time({measure}[10m]) > 0 and deriv({measure}[10m]) > 0",
        wait="10m",
        severity="warning",
        summary="The queue of the engine at {{ $labels.instance }} has not been empty for 20 minutes and grows.",
        remedy="Find the tenant with the most requests on the dashboard Tenants and cost, or add servers.",
    ),
    Alert(
        name="ForewordRefusals",
        measure=f"sum(rate({REQUESTS}[10m]))",
        condition=f'sum(rate({REQUESTS}{{code="RESOURCE_EXHAUSTED"}}[10m])) / {{measure}} > 0.05',
        wait="10m",
        severity="warning",
        summary="{{ $value | humanizePercentage }} of all requests are refused because a queue is full.",
        remedy="The panel Errors by reason names the queue.",
    ),
    Alert(
        name="ForewordHttpConnectionsRefused",
        measure="sum by (instance) (foreword_http_open_connections)",
        condition='sum by (instance) (increase(foreword_http_refused_connections_total{limit="all"}[5m])) > 0 '
        "and {measure} > 0",
        wait="2m",
        severity="critical",
        summary="{{ $labels.instance }} refuses connections over HTTP, because as many as it can take are open.",
        remedy="Find who holds them with `ss -tn sport = :8051`, and lower FOREWORD_HTTP_MAX_CONNECTIONS_PER_ADDRESS, "
        "or put a proxy in front.",
    ),
    Alert(
        name="ForewordDatabaseUnavailable",
        measure="sum by (job, instance) (increase(foreword_database_unavailable_total[5m]))",
        condition="{measure} > 0",
        wait="1m",
        severity="critical",
        summary="The database is not available for {{ $labels.instance }}.",
        remedy="The log entry database_unavailable has the cause and the remedy.",
    ),
    Alert(
        name="ForewordWebhooksOverdue",
        measure="max(foreword_webhook_overdue_seconds)",
        condition="{measure} > 300",
        wait="5m",
        severity="warning",
        summary="An event for a webhook has been due for {{ $value | humanizeDuration }}, and no server sends it.",
        remedy="The log entry webhooks_failed has the cause. Many receivers that hang take the places of others for a "
        "while: see the panel Events to webhooks.",
    ),
    Alert(
        name="ForewordEventLoopHeld",
        measure="increase(foreword_event_loop_holds_total[10m])",
        condition="{measure} > 10",
        wait="5m",
        severity="warning",
        summary="Single requests keep all others of {{ $labels.instance }} waiting.",
        remedy="The log entries event_loop_held name the RPC, the tenant and the line of code.",
    ),
)

QUALITY: Final = (
    Alert(
        name="ForewordDrift",
        measure="max by (tenant, deployment) (foreword_drift_detected)",
        condition="{measure} == 1",
        wait="30m",
        severity="warning",
        summary="What {{ $labels.deployment }} of {{ $labels.tenant }} is asked, or answers, is no longer like the "
        "training data of its model.",
        remedy="`foreword deployments drift` shows what has changed. Submit feedback about captured requests, export "
        "them, and tune again on old and new rows.",
    ),
)

TUNING: Final = (
    Alert(
        name="ForewordJobsWaiting",
        measure="max by (kind) (foreword_oldest_queued_job_seconds)",
        condition="{measure} > 3600",
        wait="5m",
        severity="warning",
        summary="A job of the kind {{ $labels.kind }} has waited for {{ $value | humanizeDuration }}.",
        remedy="Check that workers run (foreword_running_jobs), and add some.",
    ),
    Alert(
        name="ForewordCheckpointOld",
        measure="foreword_checkpoint_age_seconds",
        condition="{measure} > 600",
        wait="5m",
        severity="warning",
        summary="A run at {{ $labels.instance }} would lose {{ $value | humanizeDuration }} of work with its worker.",
        remedy="The log entry checkpoint_not_written has the cause; an update may also take very long.",
    ),
    Alert(
        name="ForewordJobsFail",
        measure="sum by (kind) (increase(foreword_job_ends_total[1h]))",
        condition='sum by (kind) (increase(foreword_job_ends_total{outcome="failed"}[1h])) > 2 and '
        'sum by (kind) (increase(foreword_job_ends_total{outcome="failed"}[1h])) / {measure} > 0.5',
        wait="5m",
        severity="warning",
        summary="Most jobs of the kind {{ $labels.kind }} fail.",
        remedy="The error of an experiment or evaluation has its reason; INTERNAL has an error_id for the log.",
    ),
)

SLACK: Final = (
    Alert(
        name="ForewordSlackSlowAnswers",
        measure="histogram_quantile(0.99, sum by (le) (rate(foreword_slack_ack_seconds_bucket[5m])))",
        condition="{measure} > 2",
        wait="5m",
        severity="critical",
        summary="One in a hundred answers to Slack takes {{ $value | humanizeDuration }}; Slack waits for 3 s.",
        remedy="The bot's database is slow, or its machine is busy.",
    ),
    Alert(
        name="ForewordSlackPostsLate",
        measure="max by (team) (foreword_slack_outbox_oldest_seconds)",
        condition="{measure} > 60",
        wait="2m",
        severity="critical",
        summary="A post in the workspace {{ $labels.team }} has waited for {{ $value | humanizeDuration }}.",
        remedy="`foreword slack status` lists what waits, and why.",
    ),
    Alert(
        name="ForewordSlackSilent",
        measure="max(foreword_slack_socket_connected)",
        condition="{measure} > 0 and min(foreword_slack_last_event_age_seconds) > 3600 and "
        'sum(increase(foreword_slack_intake_payloads_total{outcome="received"}[1h] offset 1w)) > 0',
        wait="10m",
        severity="warning",
        summary="The bot is connected, but Slack has sent nothing for an hour. A week ago, it did at this time.",
        remedy="Check the event subscriptions of the app, and that Socket Mode is on.",
    ),
    Alert(
        name="ForewordSlackTokenRevoked",
        measure="min by (team) (foreword_slack_installed)",
        condition="{measure} == 0",
        wait="2m",
        severity="critical",
        summary="The bot is not installed in the workspace {{ $labels.team }}, or its token is not valid.",
        remedy="The bot tries the token again at growing intervals; if it stays refused, install the app again. Posts "
        "wait until then.",
    ),
    Alert(
        name="ForewordSlackPluginsFail",
        measure='max by (team) (foreword_slack_plugin_calls_now{state="given_up"})',
        condition="{measure} > 0",
        wait="1m",
        severity="warning",
        summary="{{ $value }} calls of plugins of the bot in {{ $labels.team }} were given up.",
        remedy="`foreword slack status` lists the plugins and their errors; `foreword slack retry` calls them again.",
    ),
    Alert(
        name="ForewordSlackReviewShareDoubled",
        measure=_share(_LEFT_TO_PEOPLE, _DECISIONS, "1d", "team"),
        condition=f"({{measure}}) > 2 * ({_share(_LEFT_TO_PEOPLE, _DECISIONS, '7d', 'team', ' offset 1d')}) and "
        f"sum by (team) (increase({_DECISIONS}[1d])) >= 20",
        wait="1h",
        severity="warning",
        summary="In {{ $labels.team }}, people must decide {{ $value | humanizePercentage }} of the complaints, "
        "twice as many as in the week before.",
        remedy="Complaints are about something new, or the deployment was changed: tune on recent corrections.",
    ),
    Alert(
        name="ForewordSlackCorrectionsUp",
        measure=_share(_CORRECTED, _AUTO, "1d", "team"),
        condition=f"({{measure}}) > 2 * ({_share(_CORRECTED, _AUTO, '7d', 'team', ' offset 1d')}) and "
        f"sum by (team) (increase({_AUTO}[1d])) >= 20",
        wait="1h",
        severity="warning",
        summary="In {{ $labels.team }}, people correct {{ $value | humanizePercentage }} of the complaints that the "
        "model routed, twice as many as in the week before.",
        remedy="The table Confusion on the dashboard Routing quality shows which labels; roll the deployment back "
        "if it was changed.",
    ),
    Alert(
        name="ForewordSlackComplaintsFail",
        measure="sum by (team) (increase(foreword_slack_failed_complaints_total[1h]))",
        condition="{measure} > 0",
        wait="1m",
        severity="warning",
        summary="Complaints in {{ $labels.team }} could not be handled and were left to people.",
        remedy="`foreword slack status` lists the reasons; `foreword slack retry` tries again.",
    ),
)

GROUPS: Final = {
    "foreword-service": SERVICE,
    "foreword-quality": QUALITY,
    "foreword-tuning": TUNING,
    "foreword-slack": SLACK,
}


def rules() -> dict[str, Any]:
    """Return all rules as Prometheus reads them."""
    return {
        "groups": [
            {
                "name": name,
                "rules": [
                    {
                        "alert": alert.name,
                        "expr": alert.expr,
                        "for": alert.wait,
                        "labels": {"severity": alert.severity},
                        "annotations": {"summary": alert.summary, "description": alert.remedy},
                    }
                    for alert in alerts
                ],
            }
            for name, alerts in GROUPS.items()
        ]
    }
