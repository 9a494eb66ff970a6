"""The states of OAuth flows in progress."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any

from slack_sdk.oauth.state_store.async_state_store import AsyncOAuthStateStore

from foreword_slack.store import Store

_STATE_LIFETIME = timedelta(minutes=10)


class OauthStates(AsyncOAuthStateStore):
    """The states of OAuth flows in progress, in the store, because any of several bots may receive the redirect."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def async_issue(self, *args: Any, **kwargs: Any) -> str:
        """Return a new state, valid once and for ten minutes."""
        state = secrets.token_urlsafe(32)
        await self._store.operate(lambda operator: operator.workspaces.add_oauth_state(state, _STATE_LIFETIME))
        return state

    async def async_consume(self, state: str) -> bool:
        """Consume a state; return False if it is unknown, used or expired."""
        return await self._store.operate(lambda operator: operator.workspaces.take_oauth_state(state))
