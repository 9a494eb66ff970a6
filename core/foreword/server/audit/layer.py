"""The layer that says who makes a change, for the audit record in its transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from foreword.addresses import Network
from foreword.domain.audit import DEV
from foreword.server.audit.mutations import MUTATIONS, changed_fields, resource_of
from foreword.server.calls.interceptors import Call
from foreword.server.calls.peers import FORWARDED_FOR, address_of
from foreword.storage.audit.action import Action, acting, current_action


class AuditLayer:
    """The layer inside that of authentication. The transactions of the call add its record.

    Args:
        trusted_proxies: Proxies that pass on the addresses of their clients.
    """

    def __init__(self, trusted_proxies: Sequence[Network] = ()) -> None:
        self._trusted_proxies = trusted_proxies

    @asynccontextmanager
    async def layer(self, call: Call) -> AsyncIterator[None]:
        """Set the action of the call if it may change something."""
        if call.method not in MUTATIONS:
            yield
            return
        record = call.record
        action = Action(
            method=method_name(call.method),
            actor_tenant=record.tenant,
            actor=record.key_id or DEV,
            peer=peer_of(call, self._trusted_proxies),
            request_id=record.request_id,
            trace_id=record.trace_id,
        )
        with acting(action):
            yield


def describe_request(request: Any) -> None:
    """Take from a request of the current call what its audit record says about it. Only the first message counts."""
    action = current_action()
    if action is not None and not action.is_described:
        action.is_described = True
        action.resource = resource_of(request)
        action.changed_fields = changed_fields(request)
        action.only_validates = getattr(request, "validate_only", False)


def method_name(method: str) -> str:
    """Return `Service/Method` for `/foreword.v1.Service/Method`."""
    return method.removeprefix("/foreword.v1.")


def peer_of(call: Call, trusted_proxies: Sequence[Network]) -> str:
    """Return the address of the client of a call."""
    return address_of(call.context.peer(), call.metadata.get(FORWARDED_FOR, ""), trusted_proxies)
