"""Extension points for other packages: pluggy hooks, entry-point group `foreword_slack`.

    [project.entry-points.foreword_slack]
    acme = "acme_slack"

    from foreword_slack.hooks import hookimpl

    @hookimpl
    def redact(text):
        return my_redaction(text)

The operator installs and trusts plugins. Hooks that report an event are called in threads, apart from the handling of
complaints. Each call is stored together with its event and repeated until it returns, so a plugin is called at least
once for each event; `key` is the same in a repeated call. The exception is `redact`, which a complaint waits for: text
that could not be redacted must not be stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import entry_points
from typing import Any, Self

import pluggy
from pydantic import TypeAdapter

from foreword.errors import FailedPreconditionError, NotFoundError
from foreword.personal_data import redact_personal_data
from foreword_slack.routing import Decision
from foreword_slack.threads import run_in_thread

NAME = "foreword_slack"
hookspec = pluggy.HookspecMarker(NAME)
hookimpl = pluggy.HookimplMarker(NAME)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingDecided:
    """The event that a complaint was routed, or left to people.

    Attributes:
        key: Unique id of the event, the same in a repeated call.
        text: The redacted text.
        decision: The departments or the reasons for a review, and the model's answer.
        actor: The person who decided; empty if the model did.
    """

    key: str
    team: str
    complaint: str
    text: str
    decision: Decision
    actor: str
    time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ComplaintCorrected:
    """The event that a person corrected the departments. `text` is redacted; `said` is the model's answer.

    Attributes:
        key: Unique id of the event, the same in a repeated call.
    """

    key: str
    team: str
    complaint: str
    text: str
    said: tuple[str, ...]
    corrected: tuple[str, ...]
    actor: str
    time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelChanged:
    """The event that a model was promoted or rolled back. `actor` is the person who clicked.

    Attributes:
        key: Unique id of the event, the same in a repeated call.
    """

    key: str
    team: str
    deployment: str
    model: str
    rolled_back: bool
    actor: str
    time: datetime


HookEvent = RoutingDecided | ComplaintCorrected | ModelChanged
"""An event that plugins are notified of."""

_HOOKS: Mapping[type[HookEvent], str] = {
    RoutingDecided: "routing_decided",
    ComplaintCorrected: "complaint_corrected",
    ModelChanged: "model_changed",
}
_STORED: Mapping[str, TypeAdapter[Any]] = {hook: TypeAdapter(kind) for kind, hook in _HOOKS.items()}


class Specification:
    """The hooks. Each docstring describes when the hook is called, and its arguments."""

    @hookspec(firstresult=True)
    def redact(self, text: str) -> str | None:
        """Redact a text. Called before it is classified, stored or logged; the first plugin that returns a text wins.

        It runs in a thread. A complaint is not routed before it returns.

        Args:
            text: A person's message as plain text.
        """

    @hookspec
    def routing_decided(self, event: RoutingDecided) -> None:
        """Called after a decision was stored, at least once, in a thread.

        Args:
            event: The decision.
        """

    @hookspec
    def complaint_corrected(self, event: ComplaintCorrected) -> None:
        """Called after a correction was stored, at least once, in a thread.

        Args:
            event: The correction.
        """

    @hookspec
    def model_changed(self, event: ModelChanged) -> None:
        """Called after a promotion or a rollback, at least once, in a thread.

        Args:
            event: The change.
        """


class Hooks:
    """The plugins of this process: `Hooks.load()` uses the installed ones, `Hooks(plugin, name=plugin)` the given ones.

    Waiting calls are stored with the name of their plugin, which is that of its entry point.

    Raises:
        FailedPreconditionError: A plugin implements a hook that does not exist.
    """

    def __init__(self, *plugins: object, **named: object) -> None:
        self._pluggy = pluggy.PluginManager(NAME)
        self._pluggy.add_hookspecs(Specification)
        for plugin in plugins:
            self._pluggy.register(plugin)
        for name, plugin in named.items():
            self._pluggy.register(plugin, name)
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
        plugins: dict[str, object] = {}
        for point in sorted(entry_points(group=NAME), key=lambda item: item.name):
            if point.name in plugins:
                raise FailedPreconditionError(
                    f"Two plugins of the Slack bot have the name {point.name}. Rename or uninstall one of them."
                )
            try:
                plugins[point.name] = point.load()
            except Exception as error:  # plugins are third-party code
                raise FailedPreconditionError(
                    f"The plugin {point.name} of the Slack bot cannot be loaded: {type(error).__name__}: {error}. "
                    f"Correct or uninstall it."
                ) from error
        return cls(**plugins)

    def of(self, event: HookEvent) -> tuple[str, list[str]]:
        """Return the hook of an event, and the names of the plugins that implement it."""
        hook = _HOOKS[type(event)]
        return hook, sorted(found.plugin_name for found in getattr(self._pluggy.hook, hook).get_hookimpls())

    def call(self, plugin: str, hook: str, values: Mapping[str, Any]) -> None:
        """Call a plugin's hook on this thread; a plugin may raise any exception.

        Args:
            plugin: Name of the plugin.
            values: The event as `stored` returned it.

        Raises:
            NotFoundError: This process has no such plugin.
        """
        found = self._pluggy.get_plugin(plugin)
        if found is None:
            raise NotFoundError.of(f"The plugin {plugin} of the Slack bot")
        others = [other for other in self._pluggy.get_plugins() if other is not found]
        self._pluggy.subset_hook_caller(hook, remove_plugins=others)(event=_STORED[hook].validate_python(values))

    async def redact(self, text: str) -> str:
        """Return a text without personal data."""
        return await run_in_thread(lambda: self._redact(text))

    def _redact(self, text: str) -> str:
        answer = self._pluggy.hook.redact(text=text)
        return redact_personal_data(text) if answer is None else str(answer)


def stored(event: HookEvent) -> dict[str, Any]:
    """Return the values of an event in a form that JSON supports."""
    values: dict[str, Any] = _STORED[_HOOKS[type(event)]].dump_python(event, mode="json")
    return values
