"""Extension points for other packages: pluggy hooks, entry-point group `foreword_slack`.

    [project.entry-points.foreword_slack]
    acme = "acme_slack"

    from foreword_slack.hooks import hookimpl

    @hookimpl
    def redact(text):
        return my_redaction(text)

The operator installs and trusts plugins. An exception in a plugin is logged and never stops a complaint, except in
`redact`: text that could not be redacted must not be stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Self

import pluggy

from foreword.errors import FailedPreconditionError
from foreword.observability.logging import get_logger
from foreword.personal_data import redact_personal_data

if TYPE_CHECKING:
    from foreword_slack.routing import Decision

NAME = "foreword_slack"
hookspec = pluggy.HookspecMarker(NAME)
hookimpl = pluggy.HookimplMarker(NAME)
_log = get_logger("slack.hooks")


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingDecided:
    """The event that a complaint was routed, or left to people.

    Attributes:
        text: The redacted text.
        decision: The departments or the reasons for a review, and the model's answer.
        actor: The person who decided; empty if the model did.
    """

    team: str
    complaint: str
    text: str
    decision: Decision
    actor: str
    time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ComplaintCorrected:
    """The event that a person corrected the departments. `text` is redacted; `said` is the model's answer."""

    team: str
    complaint: str
    text: str
    said: tuple[str, ...]
    corrected: tuple[str, ...]
    actor: str
    time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelChanged:
    """The event that a model was promoted or rolled back. `actor` is the person who clicked."""

    team: str
    deployment: str
    model: str
    rolled_back: bool
    actor: str
    time: datetime


class Specification:
    """The hooks. Each docstring describes when the hook is called, and its arguments."""

    @hookspec(firstresult=True)
    def redact(self, text: str) -> str | None:
        """Redact a text. Called before it is classified, stored or logged; the first plugin that returns a text wins.

        Args:
            text: A person's message as plain text.
        """

    @hookspec
    def routing_decided(self, event: RoutingDecided) -> None:
        """Called after a decision was stored, unless the bot is killed in between.

        Args:
            event: The decision.
        """

    @hookspec
    def complaint_corrected(self, event: ComplaintCorrected) -> None:
        """Called after a correction was stored, unless the bot is killed in between.

        Args:
            event: The correction.
        """

    @hookspec
    def model_changed(self, event: ModelChanged) -> None:
        """Called after a promotion or a rollback, unless the bot is killed in between.

        Args:
            event: The change.
        """


class Hooks:
    """The plugins of this process: `Hooks.load()` uses the installed ones, `Hooks(plugin, ...)` the given ones.

    Raises:
        FailedPreconditionError: A plugin implements a hook that does not exist.
    """

    def __init__(self, *plugins: object) -> None:
        self._pluggy = pluggy.PluginManager(NAME)
        self._pluggy.add_hookspecs(Specification)
        for plugin in plugins:
            self._pluggy.register(plugin)
        try:
            self._pluggy.check_pending()
        except pluggy.PluginValidationError as error:
            raise FailedPreconditionError(
                f"A plugin of the Slack bot is invalid: {error}. Correct or uninstall it."
            ) from None

    @classmethod
    def load(cls) -> Self:
        """Load the installed plugins.

        Raises:
            FailedPreconditionError: A plugin cannot be loaded; the bot must not start without its redaction.
        """
        plugins = []
        for point in sorted(entry_points(group=NAME), key=lambda item: item.name):
            try:
                plugins.append(point.load())
            except Exception as error:  # plugins are third-party code
                raise FailedPreconditionError(
                    f"The plugin {point.name} of the Slack bot cannot be loaded: {type(error).__name__}: {error}. "
                    f"Correct or uninstall it."
                ) from error
        return cls(*plugins)

    def add(self, plugin: object) -> None:
        """Add a plugin of the bot itself."""
        self._pluggy.register(plugin)

    def redact(self, text: str) -> str:
        """Return a text without personal data."""
        answer = self._pluggy.hook.redact(text=text)
        return redact_personal_data(text) if answer is None else str(answer)

    def routing_decided(self, event: RoutingDecided) -> None:
        """Notify the plugins."""
        self._notify("routing_decided", event)

    def complaint_corrected(self, event: ComplaintCorrected) -> None:
        """Notify the plugins."""
        self._notify("complaint_corrected", event)

    def model_changed(self, event: ModelChanged) -> None:
        """Notify the plugins."""
        self._notify("model_changed", event)

    def _notify(self, hook: str, event: object) -> None:
        try:
            getattr(self._pluggy.hook, hook)(event=event)
        except Exception as error:  # plugins are third-party code
            # Not the traceback: it may show the complaint.
            _log.error("plugin_raised", hook=hook, error=type(error).__name__)
