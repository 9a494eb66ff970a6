"""The App Home."""

from __future__ import annotations

from dataclasses import dataclass

from foreword_slack.markup import escape
from foreword_slack.reports import DayCounts
from foreword_slack.routing import RoutingPolicy
from foreword_slack.store import Retraining
from foreword_slack.views.message import Block, actions, button, context, header, picture, section

SETTINGS = "open_settings"
_MOST_DEPARTMENTS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeCard:
    """The content of the App Home.

    Attributes:
        retraining: The last retraining with a comparison; None before the first.
        administrator: Whether the viewer may change settings.
    """

    counts: DayCounts
    deployment: str
    departments: RoutingPolicy
    new_corrections: int
    retraining: Retraining | None
    administrator: bool


def home_view(card: HomeCard) -> Block:
    """Build the view for `views.publish`."""
    counts = card.counts
    blocks = [
        header("Complaints today (UTC)"),
        section(
            f"*{counts.received}* received · *{counts.routed}* routed · *{counts.reviewed}* sent to review · "
            f"*{counts.waiting}* waiting"
        ),
        section(
            f"Review rate: *{_share(counts.review_share)}* · routed without a correction: *{_share(counts.agreement)}*"
        ),
        header("Model"),
        section(f"Deployment *{escape(card.deployment)}* · *{card.new_corrections}* new corrections"),
    ]
    if card.retraining is not None:
        new, current = card.retraining.metrics["new"], card.retraining.metrics["current"]
        blocks.append(
            section(
                f"Last retrain: {escape(card.retraining.state.value.replace('_', ' '))} · new model "
                f"{new['right']} of {new['rows']} exactly right, previous model {current['right']}"
            )
        )
        if card.retraining.metrics.get("curve"):
            blocks.append(picture(str(card.retraining.metrics["curve"]), "Learning curve of the last retrain"))
    rules = list(card.departments.departments.values())
    shown = "\n".join(
        f"• {escape(rule.title)}: <#{rule.channel}>, threshold {rule.threshold:.0%}"
        for rule in rules[:_MOST_DEPARTMENTS]
    )
    blocks += [header("Departments"), section(shown)]
    if card.administrator:
        change = button("Change channels and thresholds", action=SETTINGS, value="settings")
        blocks.append(actions(change, block_id="settings"))
    else:
        blocks.append(context("Administrators of the bot can change these settings."))
    return {"type": "home", "blocks": blocks}


def _share(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}"
