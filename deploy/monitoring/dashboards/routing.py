"""How well the Slack bot routes complaints."""

from __future__ import annotations

from typing import Final

from panels import Dashboard, Panel, Query, Variable

from dashboards.queries import events, quantiles, share

TEAM: Final = Variable(name="team", metric="foreword_slack_installed")
_TEAM: Final = 'team=~"$team"'
_BY_MODEL: Final = f'{_TEAM}, outcome=~"auto|review|fallback"'


def _increase(metric: str, selector: str) -> str:
    return f"sum by (team) (increase(foreword_slack_{metric}{{{selector}}}[$__range]))"


_AUTO: Final = _increase("complaints_total", f'{_TEAM}, outcome="auto"')

ROUTING: Final = Dashboard(
    uid="foreword-routing",
    title="Foreword: Routing quality",
    variables=(TEAM,),
    panels=(
        Panel(
            title="Decisions",
            description="Complaints by outcome: auto, review, fallback without an answer of the model, and person.",
            queries=(events("foreword_slack_complaints_total", "team, outcome", _TEAM),),
            kind="bargauge",
        ),
        Panel(
            title="Coverage",
            description="Share of complaints that the model routed by itself.",
            unit="percentunit",
            queries=(Query(expr=share(_AUTO, _increase("complaints_total", _BY_MODEL)), legend="{{team}}"),),
        ),
        Panel(
            title="Agreement",
            description="Share of complaints routed by the model whose departments nobody corrected.",
            unit="percentunit",
            queries=(
                Query(
                    # Corrections of complaints from before the range can outnumber those routed in it.
                    expr=f"clamp_min(1 - {share(_increase('corrected_complaints_total', _TEAM), _AUTO)}, 0)",
                    legend="{{team}}",
                ),
            ),
        ),
        Panel(
            title="Confusion",
            description="Labels of the model that people replaced, and by which.",
            kind="table",
            queries=(events("foreword_slack_corrections_total", "from, to", _TEAM),),
        ),
        Panel(
            title="Confidence",
            description="Probability of the model's answers.",
            unit="percentunit",
            queries=quantiles("foreword_slack_confidence", "team", _TEAM, (0.1, 0.5, 0.9)),
        ),
        Panel(
            title="Notified departments",
            description="In the range of the dashboard.",
            kind="bargauge",
            queries=(events("foreword_slack_routes_total", "department", _TEAM),),
        ),
        Panel(
            title="From complaint to post",
            description="From the message to each post about it.",
            unit="s",
            queries=quantiles("foreword_slack_complaint_to_post_seconds", "team", _TEAM, (0.5, 0.95)),
        ),
        Panel(
            title="Complaints by state",
            description="In the bot's store. Every bot on it exports the same numbers.",
            queries=(
                Query(
                    expr=f"max by (team, state) (foreword_slack_complaints_now{{{_TEAM}}})", legend="{{team}} {{state}}"
                ),
            ),
        ),
    ),
)
