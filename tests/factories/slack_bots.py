"""The bot's transport and store without its routing: incoming events are stored, and posted to a channel on request."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import Any

from cryptography.fernet import Fernet
from slack_bolt.async_app import AsyncApp

from foreword_slack.clock import Clock
from foreword_slack.inbox import Inbox, InboxSettings
from foreword_slack.installations import Installations
from foreword_slack.outbox import Outbox, OutboxSettings
from foreword_slack.slack_api import SlackApi
from foreword_slack.store import Event, NewEvent, Store
from foreword_slack.testing import FakeSlack
from foreword_slack.token_vault import TokenVault
from foreword_slack.transport.http import HttpServer
from foreword_slack.transport.intake import Intake
from foreword_slack.transport.oauth import oauth_flow
from foreword_slack.transport.socket import SocketMode, SocketSettings

TEST_KEY = Fernet.generate_key().decode()


def read_message(body: Mapping[str, Any]) -> NewEvent | None:
    """Read messages that people write, and commands."""
    if "command" in body:
        return None
    event = body.get("event") or {}
    if event.get("type") not in ("message", "app_mention") or event.get("bot_id") or event.get("subtype"):
        return None
    key = f"{event['channel']}:{event['ts']}"
    return NewEvent(
        team=body["team_id"],
        kind="message",
        dedupe_key=f"message:{key}",
        subject=key,
        position=int(event["ts"].replace(".", "")),
        payload={"text": event["text"], "id": key},
    )


@dataclass
class Parts:
    """The parts of a bot."""

    store: Store
    api: SlackApi
    inbox: Inbox
    outbox: Outbox
    installations: Installations
    intake: Intake
    bolt: AsyncApp


@asynccontextmanager
async def bot_parts(
    store: Store,
    *,
    api_url: str,
    tenants: Mapping[str, str],
    post_to: str | None = None,
    key: str = TEST_KEY,
    client_id: str = "1.2",
    client_secret: str = "",
    inbox_settings: InboxSettings | None = None,
    outbox_settings: OutboxSettings | None = None,
    answer_seconds: float = 600.0,
) -> AsyncIterator[Parts]:
    """Assemble the parts; nothing runs yet.

    Args:
        tenants: Tenants by team; other teams cannot install the bot.
        post_to: Channel to which every message is posted.
        answer_seconds: Time limit of an answer by the store's clock, which may run fast.
    """
    api = SlackApi(api_url)

    async def handle(event: Event) -> None:
        def route(uow: Any) -> None:
            if post_to is not None:
                uow.posts.post(f"route:{event.payload['id']}", post_to, {"text": event.payload["text"]})
            uow.inbox.done(event)

        await store.write(event.team, route)

    random = Random(1)
    inbox = Inbox(store, handle, settings=inbox_settings, random=random)
    installations = Installations(
        store, TokenVault(key.split(",")), api, tenant_of=tenants.get, client_id=client_id, client_secret=client_secret
    )
    outbox = Outbox(store, installations, settings=outbox_settings, random=random)
    intake = Intake(inbox, store, read_message, answer_seconds=answer_seconds)
    bolt = intake.bolt_app(installations, api.client())
    try:
        yield Parts(store, api, inbox, outbox, installations, intake, bolt)
    finally:
        await api.close()


@asynccontextmanager
async def http_server(parts: Parts, slack: FakeSlack, *, oauth: bool = False) -> AsyncIterator[HttpServer]:
    """Serve signed requests, and make the fake Slack send them there."""
    flow = None
    if oauth:
        flow = oauth_flow(
            parts.store,
            parts.installations,
            parts.api,
            client_id=slack.app.client_id,
            client_secret=slack.app.client_secret,
            scopes=["chat:write", "channels:history"],
            public_url="",
        )
    server = HttpServer(parts.intake, parts.store.clock, signing_secret=slack.app.signing_secret, oauth=flow, port=0)
    await server.start()
    slack.app.request_url = f"http://127.0.0.1:{server.port}/slack/events"
    try:
        yield server
    finally:
        await server.stop()


def socket_mode(parts: Parts, slack_app_token: str, clock: Clock, **settings: Any) -> SocketMode:
    """Return a socket-mode transport that is not started yet."""
    return SocketMode(
        parts.api,
        clock,
        parts.intake.dispatch,
        app_token=slack_app_token,
        settings=SocketSettings(**settings),
        random=Random(1),
    )


async def kept(store: Store) -> list[str]:
    """Return the dedupe keys of the inbox in the order of arrival."""
    from foreword_slack.store.tables import InboxRow

    return await store.survey(
        lambda operator: [row.dedupe_key for row in operator.session.query(InboxRow).order_by(InboxRow.key)]
    )
