"""What other packages may do with the bot: pluggy hooks, entry-point group `foreword_slack`.

    [project.entry-points.foreword_slack]
    acme = "acme_slack"

    from foreword_slack.hooks import hookimpl

    @hookimpl
    def redact(text):
        return my_redaction(text)

A plugin is code that the operator installed; what one raises is logged and never stops a complaint, except in `redact`:
text that could not be redacted must not be stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Self

import pluggy

from foreword.errors import FailedPreconditionError
from foreword.observability.logging import get_logger
from foreword_slack import redaction

if TYPE_CHECKING:
    from foreword_slack.routing import Decision

NAME = "foreword_slack"
hookspec = pluggy.HookspecMarker(NAME)
hookimpl = pluggy.HookimplMarker(NAME)
_log = get_logger("slack.hooks")


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingDecided:
    """A complaint was routed, or given to people.

    Attributes:
        text: Redacted.
        decision: Departments or reasons for doubt, and what the model said.
        actor: Who decided; empty when the model did.
    """

    team: str
    complaint: str
    text: str
    decision: Decision
    actor: str
    time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ComplaintCorrected:
    """A person said that other departments are right. `text` is redacted; `said` is the model's answer."""

    team: str
    complaint: str
    text: str
    said: tuple[str, ...]
    corrected: tuple[str, ...]
    actor: str
    time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelChanged:
    """A model was promoted, or the one before it was brought back. `actor` clicked."""

    team: str
    deployment: str
    model: str
    rolled_back: bool
    actor: str
    time: datetime


class Specification:
    """The hooks. Each docstring says when the hook fires and what it is handed."""

    @hookspec(firstresult=True)
    def redact(self, text: str) -> str | None:
        """Fires before a text is classified, stored or logged; the first plugin that answers replaces the built-in.

        Args:
            text: What a person wrote, as plain text.
        """

    @hookspec
    def routing_decided(self, event: RoutingDecided) -> None:
        """Fires after a decision is stored; not if the bot is killed in between.

        Args:
            event: The decision.
        """

    @hookspec
    def complaint_corrected(self, event: ComplaintCorrected) -> None:
        """Fires after a correction is stored; not if the bot is killed in between.

        Args:
            event: The correction.
        """

    @hookspec
    def model_changed(self, event: ModelChanged) -> None:
        """Fires after a promotion or a rollback; not if the bot is killed in between.

        Args:
            event: The change.
        """


class Hooks:
    """The plugins of this process; `Hooks.load()` takes those installed, `Hooks(plugin, ...)` those given.

    Raises:
        FailedPreconditionError: A plugin implements a hook that does not exist; names it.
    """

    def __init__(self, *plugins: object) -> None:
        self._pluggy = pluggy.PluginManager(NAME)
        self._pluggy.add_hookspecs(Specification)
        for plugin in plugins:
            self._pluggy.register(plugin)
        try:
            self._pluggy.check_pending()
        except pluggy.PluginValidationError as error:
            raise FailedPreconditionError(f"A plugin of the Slack bot is wrong: {error}") from None

    @classmethod
    def load(cls) -> Self:
        """The installed plugins.

        Raises:
            FailedPreconditionError: A plugin cannot be loaded; the bot must not start without its redaction.
        """
        plugins = []
        for point in sorted(entry_points(group=NAME), key=lambda item: item.name):
            try:
                plugins.append(point.load())
            except Exception as error:  # plugins are foreign code
                raise FailedPreconditionError(
                    f"The plugin {point.name} of the Slack bot cannot be loaded: {type(error).__name__}: {error}. "
                    f"Repair or uninstall it."
                ) from error
        return cls(*plugins)

    def redact(self, text: str) -> str:
        """The text without personal data."""
        answer = self._pluggy.hook.redact(text=text)
        return redaction.redact(text) if answer is None else str(answer)

    def routing_decided(self, event: RoutingDecided) -> None:
        """Tells the plugins."""
        self._notify("routing_decided", event)

    def complaint_corrected(self, event: ComplaintCorrected) -> None:
        """Tells the plugins."""
        self._notify("complaint_corrected", event)

    def model_changed(self, event: ModelChanged) -> None:
        """Tells the plugins."""
        self._notify("model_changed", event)

    def _notify(self, hook: str, event: object) -> None:
        try:
            getattr(self._pluggy.hook, hook)(event=event)
        except Exception as error:  # plugins are foreign code
            # Not the traceback: it may show the complaint.
            _log.error("plugin_raised", hook=hook, error=type(error).__name__)
