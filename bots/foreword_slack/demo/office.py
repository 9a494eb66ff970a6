"""The workspace of the demo: its people, its channels, and the bot's configuration for it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from foreword_slack.config import BotConfig
from foreword_slack.demo.complaints import DEPARTMENTS
from foreword_slack.secrets import Secrets
from foreword_slack.testing import Channel, FakeSlack, Person, Workspace

SERVING_NAME = "complaints"
_CUSTOMERS = ("ann", "dan", "eve")
_COLLEAGUES = ("bob", "carol", "boss")


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """A workspace with the people and channels that the bot needs.

    Attributes:
        people: The people by name; `boss` is an administrator of the bot.
        departments: The departments' channels by label.
    """

    workspace: Workspace
    people: dict[str, Person]
    complaints: Channel
    review: Channel
    departments: dict[str, Channel]

    @property
    def channels(self) -> list[Channel]:
        """All channels in display order."""
        return [self.complaints, *self.departments.values(), self.review]

    def config(self, *, endpoint: str, slack_url: str, home: Path, held_out: str, num_epochs: int | None) -> BotConfig:
        """Return the bot's configuration for this workspace.

        Args:
            endpoint: Address of the Foreword service.
            slack_url: Base URL of Slack's Web API.
            home: Folder for the bot's store.
            held_out: Dataset to evaluate with.
            num_epochs: Number of epochs of a retrain; None for the recipe's.
        """
        team = {
            "team": self.workspace.id,
            "tenant": "dev",
            "deployment": SERVING_NAME,
            "complaint_channels": [self.complaints.id],
            "review_channel": self.review.id,
            "administrators": [self.people["boss"].id],
            # The few held-out rows of the demo cannot show a precision.
            "thresholds": {"probability": 0.5, "margin": 0.25, "min_precision": 0.0},
            "departments": [{"label": label, "channel": channel.id} for label, channel in self.departments.items()],
            "learning": {
                "propose_after": 12,
                "most_per_corrector": 12,
                "held_out_dataset": held_out,
                "held_out_share": 0.05,
                "num_epochs": num_epochs,
            },
        }
        values = {
            "service": {"endpoint": endpoint},
            "store": {"path": home / "slack.db"},
            "slack": {"mode": "socket", "api_url": slack_url},
            "teams": [team],
        }
        return BotConfig.model_validate(values)

    def secrets(self, slack: FakeSlack) -> Secrets:
        """Return the bot's secrets for this workspace."""
        return Secrets(
            api_keys={self.workspace.id: "dev"},
            bot_tokens={self.workspace.id: self.workspace.token},
            app_token=slack.app.app_token,
        )


def create_office(slack: FakeSlack) -> Office:
    """Create the workspace."""
    workspace = slack.add_team("Household Goods Inc.")
    people = {name: workspace.add_user(name, is_admin=name == "boss") for name in (*_CUSTOMERS, *_COLLEAGUES)}
    everybody = people.values()
    return Office(
        workspace=workspace,
        people=people,
        complaints=workspace.add_channel("complaints", *everybody),
        review=workspace.add_channel("complaints-review", *everybody),
        departments={label: workspace.add_channel(label.lower(), *everybody) for label in DEPARTMENTS},
    )
