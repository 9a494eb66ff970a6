"""The action that this task or thread works for: a call, or something that the service does by itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from foreword.domain.audit import SYSTEM


@dataclass(slots=True, kw_only=True)
class Action:
    """An action that leaves one audit record when its change is committed.

    Threads that work for a call share its action, because they run in copies of its context.

    Attributes:
        method: Name of the RPC, `Service/Method`, or of an action of the system.
        actor_tenant: Id of the actor's tenant.
        actor: Id of the API key, `dev` or `system`.
        resource: Name of the resource in the request; empty until the request is parsed.
        changed_fields: Names of the fields that the request sets.
        is_described: Whether the request has been parsed, from which the attributes around this one come.
        only_validates: Whether the request asks for no change.
        is_recorded: Whether its record is committed.
    """

    method: str
    actor_tenant: str = ""
    actor: str = SYSTEM
    peer: str = ""
    request_id: str = ""
    trace_id: str = ""
    resource: str = ""
    changed_fields: tuple[str, ...] = ()
    is_described: bool = False
    only_validates: bool = False
    is_recorded: bool = False

    @property
    def is_pending(self) -> bool:
        """Whether its change has to be recorded."""
        return not (self.only_validates or self.is_recorded)


_action: ContextVar[Action | None] = ContextVar("audited_action", default=None)


def current_action() -> Action | None:
    """Return the action that this task or thread works for; None if it is not one that is recorded."""
    return _action.get()


@contextmanager
def acting(action: Action | None) -> Iterator[None]:
    """Record the changes in the block as those of an action; None for a block whose changes are not recorded."""
    token = _action.set(action)
    try:
        yield
    finally:
        _action.reset(token)
