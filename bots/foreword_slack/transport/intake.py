"""The way in, the same for sockets and requests: into the inbox first, then to Bolt, then Slack gets its answer."""

from __future__ import annotations

import json
import logging
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
from foreword_slack.slack_api import set_proxy
from foreword_slack.store import InstallationState, NewEvent, Store

_log = get_logger(__name__)

ANSWER_SECONDS = 2.5
"""Slack waits for 3 s; an answer that comes later is as good as none, and Slack sends the event again."""

_SKEW = timedelta(minutes=2)
_MISSHAPEN = (AttributeError, KeyError, TypeError, ValueError)
_FAULT = "foreword_fault"

_bolt_log = logging.getLogger("foreword_slack.bolt")
_bolt_log.setLevel(logging.ERROR)  # its warnings quote payloads

Reader = Callable[[Mapping[str, Any]], NewEvent | None]
"""What the inbox must keep of a payload; None when there is nothing to do later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What Slack is told.

    Attributes:
        status: As of HTTP. Anything but 200 means that Slack shall send the event again.
        payload: What the answer says, if anything.
    """

    status: int
    payload: dict[str, Any] | None = None


class Intake:
    """Keeps events, then lets Bolt's listeners do what must happen within 3 seconds.

    Args:
        read: What the inbox must keep of a payload.
        answer_seconds: After how long Slack is told that it was not taken in.
    """

    def __init__(self, inbox: Inbox, store: Store, read: Reader, *, answer_seconds: float = ANSWER_SECONDS) -> None:
        self._inbox, self._store, self._read, self._answer_seconds = inbox, store, read, answer_seconds
        self._bolt: AsyncApp | None = None
        self.counts: Counter[str] = Counter()
        self.last_event_time: datetime | None = None

    def bolt_app(
        self, installations: Installations, client: AsyncWebClient, oauth: AsyncOAuthFlow | None = None
    ) -> AsyncApp:
        """The Bolt app behind this intake, to register listeners on.

        It asks the store, not Slack, whether a workspace is installed; requests were verified before they come here.

        Args:
            client: Whose connections and settings the clients of its listeners share.
            oauth: How workspaces install the bot; without it Bolt would make one of its own from the environment.
        """

        async def authorize(team_id: str | None, user_id: str | None) -> Any:
            return await installations.authorize(team_id, user_id)

        self._bolt = AsyncApp(
            name="foreword",
            logger=_bolt_log,
            signing_secret="",  # the requests' signatures are verified in front
            client=client,
            oauth_flow=oauth,
            # An object, not a function: Bolt takes a function only where there is no OAuth flow.
            authorize=cast("Any", AsyncCallableAuthorize(logger=_bolt_log, func=authorize)),
            before_authorize=_Admission(self),
            request_verification_enabled=False,
            ssl_check_enabled=False,
            url_verification_enabled=False,
        )
        self._bolt.middleware(_choose_proxy)
        return self._bolt

    async def admit(self, body: dict[str, Any]) -> bool:
        """Keeps what has to be kept of a payload; whether listeners have anything to add.

        Raises:
            UnavailableError: It could not be kept.
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
        """Takes a verified payload in; what is answered with 200 survives a crash."""
        assert self._bolt is not None
        try:
            # In this mode Bolt takes the payload as it is; its own parser stumbles over a command that says "payload".
            request = AsyncBoltRequest(mode="socket_mode", body=body, headers=dict(headers))
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
        # It is signed, but not as documented. To have it sent again would not help.
        _log.error("payload_not_understood", error=type(error).__name__)
        self.counts["not_understood"] += 1
        return Answer(status=400)

    async def _end_installation(self, body: Mapping[str, Any], event_type: str) -> None:
        team = str(body.get("team_id") or "")
        happened = datetime.fromtimestamp(float(body.get("event_time") or 0), UTC)
        bots = ((body.get("event") or {}).get("tokens") or {}).get("bot") or ()

        def end(uow: Any) -> None:
            workspace = uow.installation
            # Slack may tell of an old installation's end after the new one began.
            if workspace is None or happened + _SKEW < workspace.install_time:
                return
            if event_type == "app_uninstalled":
                uow.end_installation(InstallationState.UNINSTALLED, event_type)
            elif workspace.bot_user in bots:
                uow.end_installation(InstallationState.DOWN, event_type)

        await self._store.write(team, end)


class _Admission(AsyncMiddleware):
    """Bolt's first middleware: nothing goes on before the event is in the store.

    A class, because Bolt looks into the payload before it calls a function, and stumbles over what is misshapen.
    """

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    async def async_process(
        self, *, req: AsyncBoltRequest, resp: BoltResponse, next: Callable[[], Awaitable[BoltResponse]]
    ) -> BoltResponse | None:
        """Keeps the event, then goes on."""
        try:
            if not await self._intake.admit(req.body):
                return BoltResponse(status=200)
        except (UnavailableError, *_MISSHAPEN) as error:
            # Told in the context: Bolt would log the exception, and with it perhaps what somebody wrote.
            req.context[_FAULT] = error
            return BoltResponse(status=503)
        await next()
        return resp


async def _choose_proxy(client: AsyncWebClient, next: Callable[[], Awaitable[BoltResponse]]) -> BoltResponse:
    """Set the proxy of a listener's client, which Bolt makes anew for each request."""
    set_proxy(client)
    return await next()


def _payload(response: BoltResponse) -> dict[str, Any] | None:
    if not response.body:
        return None
    if response.first_headers().get("content-type", "").startswith("application/json"):
        found: dict[str, Any] = json.loads(response.body)
        return found
    return {"text": response.body}
