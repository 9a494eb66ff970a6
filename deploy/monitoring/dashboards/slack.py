"""The connection of the Slack bot with Slack."""

from __future__ import annotations

from typing import Final

from panels import Dashboard, Panel, Query

from dashboards.queries import quantiles, rate
from dashboards.routing import TEAM

_TEAM: Final = 'team=~"$team"'

SLACK: Final = Dashboard(
    uid="foreword-slack",
    title="Foreword: Slack health",
    variables=(TEAM,),
    panels=(
        Panel(
            title="Answers to Slack",
            description="Slack waits for three seconds and then sends the event again.",
            unit="s",
            queries=quantiles("foreword_slack_ack_seconds"),
        ),
        Panel(
            title="Open connections",
            description="Connections of Socket Mode that receive events.",
            queries=(Query(expr="foreword_slack_socket_connected", legend="{{instance}}"),),
        ),
        Panel(
            title="Time since the last payload",
            description="Long although people write: the app's event subscriptions may be off.",
            unit="s",
            queries=(Query(expr="foreword_slack_last_event_age_seconds", legend="{{instance}}"),),
        ),
        Panel(
            title="Oldest call that is due",
            description="Posts are late if it grows.",
            unit="s",
            queries=(
                Query(expr=f"max by (team) (foreword_slack_outbox_oldest_seconds{{{_TEAM}}})", legend="{{team}}"),
            ),
        ),
        Panel(
            title="Calls to Slack",
            description="Per second. rate_limited is Slack's 429; an unsure call may have had an effect.",
            queries=(rate("foreword_slack_outbox_calls_total", "outcome"),),
        ),
        Panel(
            title="Calls in the store",
            description="By state. Parked calls wait until the bot is installed again.",
            queries=(
                Query(
                    expr=f"max by (team, state) (foreword_slack_outbox_calls_now{{{_TEAM}}})",
                    legend="{{team}} {{state}}",
                ),
                Query(expr=f"max by (team) (foreword_slack_outbox_parked_calls{{{_TEAM}}})", legend="{{team}} parked"),
            ),
        ),
        Panel(
            title="Overdue events",
            description="Events that should have been handled by now.",
            queries=(Query(expr=f"max by (team) (foreword_slack_inbox_overdue_events{{{_TEAM}}})", legend="{{team}}"),),
        ),
        Panel(
            title="Ambiguous posts",
            description="Posts that were repeated after an attempt with an unknown outcome; they may exist twice.",
            queries=(Query(expr=f"max by (team) (foreword_slack_ambiguous_posts{{{_TEAM}}})", legend="{{team}}"),),
        ),
        Panel(
            title="Installed",
            description="0 if the bot was uninstalled or its token was revoked.",
            kind="stat",
            queries=(Query(expr=f"min by (team) (foreword_slack_installed{{{_TEAM}}})", legend="{{team}}"),),
        ),
        Panel(
            title="Payloads from Slack",
            description="Per second, by outcome.",
            queries=(rate("foreword_slack_intake_payloads_total", "outcome"),),
        ),
        Panel(
            title="Events sent again",
            description="Slack repeats events that were not answered in time.",
            queries=(rate("foreword_slack_dedup_dropped_total", "kind"),),
        ),
        Panel(
            title="Store available",
            description="0 while the bot's database cannot be reached.",
            kind="stat",
            queries=(Query(expr="foreword_slack_store_available", legend="{{instance}}"),),
        ),
    ),
)
