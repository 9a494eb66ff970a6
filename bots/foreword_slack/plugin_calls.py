"""Calls of plugins: each is stored in the transaction of its event, and repeated until the plugin returns.

They have a lane of the inbox with workers of their own, so a slow or broken plugin delays neither complaints nor
acknowledgements. Those that were given up are shown by `foreword slack status` and repeated by `foreword slack retry`.
"""

from __future__ import annotations

from foreword.observability.logging import get_logger
from foreword_slack.hooks import HookEvent, Hooks, ModelChanged, stored
from foreword_slack.inbox import Handler, InboxSettings, RetriedError
from foreword_slack.payloads import HookPayload
from foreword_slack.store import HOOK, Event, NewEvent, UnitOfWork
from foreword_slack.threads import run_in_thread

_log = get_logger("slack.hooks")

SETTINGS = InboxSettings(workers=8, max_attempts=25, longest_wait_seconds=900.0)
"""A plugin that fails is called again for about two hours."""


def notify_plugins(uow: UnitOfWork, hooks: Hooks, event: HookEvent) -> None:
    """Store a call of each plugin that implements the hook of an event."""
    hook, plugins = hooks.of(event)
    about = event.deployment if isinstance(event, ModelChanged) else event.complaint
    for plugin in plugins:
        uow.inbox.add(
            NewEvent(
                team=uow.team,
                kind=HOOK,
                dedupe_key=f"{HOOK}:{plugin}:{event.key}",
                # A plugin gets the events about a complaint in their order.
                subject=f"{HOOK}:{plugin}:{about}",
                position=int(event.time.timestamp() * 1e6),
                payload=HookPayload(plugin=plugin, hook=hook, event=stored(event)).values(),
            )
        )


def plugin_caller(hooks: Hooks) -> Handler:
    """Return the handler of the stored calls."""

    async def call(event: Event) -> None:
        found = HookPayload.read(event.payload)
        try:
            await run_in_thread(lambda: hooks.call(found.plugin, found.hook, found.event))
        except Exception as error:  # plugins are third-party code
            # Not the traceback: it may show the complaint.
            _log.error("plugin_raised", plugin=found.plugin, hook=found.hook, error=type(error).__name__)
            raise RetriedError(f"{found.plugin}.{found.hook}: {type(error).__name__}") from None

    return call
