"""The intake of payloads from sockets and requests: store in the inbox, dispatch to Bolt, answer Slack."""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from slack_bolt.async_app import AsyncApp, AsyncBoltRequest
from slack_bolt.authorization.async_authorize import AsyncCallableAuthorize
from slack_bolt.middleware.async_middleware import AsyncMiddleware
from slack_bolt.oauth.async_oauth_flow import AsyncOAuthFlow
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from foreword.errors import UnavailableError
from foreword.observability.logging import get_logger
from foreword_slack.inbox import Inbox
from foreword_slack.installations import Installations
from foreword_slack.markup import without_surrogates
from foreword_slack.slack_api import set_proxy
from foreword_slack.store import InstallationState, NewEvent, Store

_log = get_logger(__name__)

ANSWER_SECONDS = 2.5
"""Time limit of an answer. Slack waits 3 s, ignores a later answer and sends the event again."""

_SKEW = timedelta(minutes=2)
_MISSHAPEN = (AttributeError, KeyError, TypeError, ValueError)
_FAULT = "foreword_fault"

_bolt_log = logging.getLogger("foreword_slack.bolt")
_bolt_log.setLevel(logging.ERROR)  # its warnings quote payloads

Reader = Callable[[Mapping[str, Any]], NewEvent | None]
"""A function that returns the event to store for a payload, or None if there is nothing to do later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer to Slack.

    Attributes:
        status: HTTP status. Any other than 200 makes Slack send the event again.
        payload: Content of the answer, if any.
    """

    status: int
    payload: dict[str, Any] | None = None


class Intake:
    """The intake, which stores events and then runs Bolt's listeners within 3 seconds.

    Args:
        read: Returns the event to store for a payload.
        answer_seconds: Time after which Slack gets an error for a payload that is not stored yet.
        on_answer: Called with the seconds that each answer took.
    """

    def __init__(
        self,
        inbox: Inbox,
        store: Store,
        read: Reader,
        *,
        answer_seconds: float = ANSWER_SECONDS,
        on_answer: Callable[[float], object] = lambda _: None,
    ) -> None:
        self._inbox, self._store, self._read, self._answer_seconds = inbox, store, read, answer_seconds
        self._on_answer = on_answer
        self._bolt: AsyncApp | None = None
        self.counts: Counter[str] = Counter()
        self.last_event_time: datetime | None = None

    def bolt_app(
        self, installations: Installations, client: AsyncWebClient, oauth: AsyncOAuthFlow | None = None
    ) -> AsyncApp:
        """Return the Bolt app behind this intake, to register listeners on.

        The app looks installations up in the store, without a call to Slack. Requests were verified before.

        Args:
            client: Client whose connections and settings the listeners' clients share.
            oauth: OAuth flow to install the bot.
        """

        async def authorize(team_id: str | None, user_id: str | None) -> Any:
            return await installations.authorize(team_id, user_id)

        self._bolt = AsyncApp(
            name="foreword",
            logger=_bolt_log,
            signing_secret="",  # signatures are verified by the HTTP server
            client=client,
            oauth_flow=oauth,
            # An object, not a function: Bolt ignores a function if there is an OAuth flow.
            authorize=cast("Any", AsyncCallableAuthorize(logger=_bolt_log, func=authorize)),
            before_authorize=_Admission(self),
            request_verification_enabled=False,
            ssl_check_enabled=False,
            url_verification_enabled=False,
        )
        self._bolt.middleware(_choose_proxy)
        return self._bolt

    async def admit(self, body: dict[str, Any]) -> bool:
        """Store the event of a payload, and return whether Bolt's listeners must run.

        Raises:
            UnavailableError: The event could not be stored.
        """
        self.last_event_time = self._store.clock.now()
        self.counts["received"] += 1
        event_type = body["event"]["type"] if body.get("type") == "event_callback" else None
        if event_type in ("app_uninstalled", "tokens_revoked"):
            await self._end_installation(body, event_type)
        elif (event := self._read(body)) is not None:
            await self._inbox.put(event)
        return event_type is None  # events are handled from the inbox

    async def dispatch(self, body: dict[str, Any], headers: Mapping[str, str]) -> Answer:
        """Accept a verified payload; an event answered with 200 survives a crash."""
        begin = time.monotonic()
        try:
            return await self._accept(body, headers)
        finally:
            self._on_answer(time.monotonic() - begin)

    async def _accept(self, body: dict[str, Any], headers: Mapping[str, str]) -> Answer:
        assert self._bolt is not None
        try:
            # In this mode Bolt does not parse the payload. Its parser fails for a command that contains "payload".
            request = AsyncBoltRequest(mode="socket_mode", body=without_surrogates(body), headers=dict(headers))
            async with self._store.clock.timeout(self._answer_seconds):
                response = await self._bolt.async_dispatch(request)
        except TimeoutError:
            self.counts["too_late"] += 1
            return Answer(status=503)
        except _MISSHAPEN as error:
            return self._not_understood(error)
        fault = request.context.get(_FAULT)
        if isinstance(fault, _MISSHAPEN):
            return self._not_understood(fault)
        if response.status >= 500:
            self.counts["not_kept"] += 1
            return Answer(status=503)
        return Answer(status=response.status, payload=_payload(response))

    def _not_understood(self, error: Exception) -> Answer:
        # It is signed, but has another format than documented. A repetition would not help.
        _log.error("payload_not_understood", error=type(error).__name__)
        self.counts["not_understood"] += 1
        return Answer(status=400)

    async def _end_installation(self, body: Mapping[str, Any], event_type: str) -> None:
        team = str(body.get("team_id") or "")
        happened = datetime.fromtimestamp(float(body.get("event_time") or 0), UTC)
        bots = ((body.get("event") or {}).get("tokens") or {}).get("bot") or ()

        def end(uow: Any) -> None:
            workspace = uow.installation
            # Slack may report the end of an old installation after the new one began.
            if workspace is None or happened + _SKEW < workspace.install_time:
                return
            if event_type == "app_uninstalled":
                uow.end_installation(InstallationState.UNINSTALLED, event_type)
            elif workspace.bot_user in bots:
                uow.end_installation(InstallationState.DOWN, event_type)

        await self._store.write(team, end)


class _Admission(AsyncMiddleware):
    """Bolt's first middleware, which stores the event before anything else happens.

    A class, because Bolt inspects the payload before it calls a function, and fails for a malformed one.
    """

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    async def async_process(
        self, *, req: AsyncBoltRequest, resp: BoltResponse, next: Callable[[], Awaitable[BoltResponse]]
    ) -> BoltResponse | None:
        """Store the event, then call the next middleware."""
        try:
            if not await self._intake.admit(req.body):
                return BoltResponse(status=200)
        except (UnavailableError, *_MISSHAPEN) as error:
            # Passed in the context, because Bolt would log the exception, which may quote a person.
            req.context[_FAULT] = error
            return BoltResponse(status=503)
        await next()
        return resp


async def _choose_proxy(client: AsyncWebClient, next: Callable[[], Awaitable[BoltResponse]]) -> BoltResponse:
    """Set the proxy of a listener's client, which Bolt creates for each request."""
    set_proxy(client)
    return await next()


def _payload(response: BoltResponse) -> dict[str, Any] | None:
    if not response.body:
        return None
    if response.first_headers().get("content-type", "").startswith("application/json"):
        found: dict[str, Any] = json.loads(response.body)
        return found
    return {"text": response.body}
