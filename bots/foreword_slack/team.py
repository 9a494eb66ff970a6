"""A workspace at run time: its configuration with the administrators' changes, its service and its channels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from foreword_slack.clock import Clock
from foreword_slack.config import DepartmentConfig, TeamConfig, TimersConfig
from foreword_slack.delivery.clients import Clients
from foreword_slack.hooks import HookEvent, Hooks
from foreword_slack.routing import DepartmentRule, RoutingPolicy
from foreword_slack.service import TenantService
from foreword_slack.store import Store, UnitOfWork

_LONGEST_RETRY_SECONDS = 30.0

MAPPING = "mapping"
"""Name of the override that the settings modal saves: the differences from the configuration file, by label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """The dependencies of handlers for one workspace.

    Attributes:
        random: Source of the jitter of waits.
        clients: Source of clients with the workspace's token, for calls that the outbox cannot make.
        observe: Called after each event that plugins are notified of; must not block.
        url: Address of the workspace for links to messages, such as `https://acme.slack.com/`. Slack's own address
            works as well.
    """

    config: TeamConfig
    timers: TimersConfig
    service: TenantService
    store: Store
    hooks: Hooks
    random: Random
    clients: Clients
    observe: Callable[[HookEvent], object] = lambda _: None
    url: str = "https://slack.com/"

    @property
    def id(self) -> str:
        """Slack's id of the workspace."""
        return self.config.team

    @property
    def clock(self) -> Clock:
        """The bot's clock."""
        return self.store.clock

    def retry_seconds(self, waited_seconds: float) -> float:
        """Return the wait before the next call of the service: with full jitter, longer in a longer outage."""
        return self.random.uniform(0.0, min(_LONGEST_RETRY_SECONDS, 1.0 + waited_seconds))

    def permalink(self, channel: str, ts: str, thread_ts: str | None) -> str:
        """Return a link to a message."""
        link = f"{self.url}archives/{channel}/p{ts.replace('.', '')}"
        return f"{link}?thread_ts={thread_ts}&cid={channel}" if thread_ts and thread_ts != ts else link

    def departments(self, uow: UnitOfWork) -> tuple[DepartmentConfig, ...]:
        """Return the configured departments with the administrators' changes."""
        return departments_of(self.config, uow)

    def policy(self, uow: UnitOfWork) -> RoutingPolicy:
        """Return the current routing rules."""
        return policy_of(self.config, uow)

    def channels(self, uow: UnitOfWork) -> frozenset[str]:
        """Return every channel that the bot may post to."""
        return self.config.channels | {item.channel for item in self.departments(uow)}


def departments_of(config: TeamConfig, uow: UnitOfWork) -> tuple[DepartmentConfig, ...]:
    """Return the departments of a workspace, with changed channels and thresholds applied."""
    mapping: Mapping[str, Mapping[str, Any]] = uow.overrides.all().get(MAPPING) or {}
    return tuple(item.model_copy(update=dict(mapping.get(item.label, {}))) for item in config.departments)


def policy_of(config: TeamConfig, uow: UnitOfWork) -> RoutingPolicy:
    """Return the current routing rules of a workspace."""
    thresholds = config.thresholds
    rules = (
        DepartmentRule(
            label=item.label,
            title=item.title,
            channel=item.channel,
            threshold=thresholds.probability if item.threshold is None else item.threshold,
        )
        for item in departments_of(config, uow)
    )
    return RoutingPolicy(
        departments={rule.label: rule for rule in rules},
        margin=thresholds.margin,
        abstain_below=thresholds.abstain_below,
        min_precision=thresholds.min_precision,
    )
