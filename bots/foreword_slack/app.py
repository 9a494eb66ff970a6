"""Assembly of the bot: store, inbox, handlers, outbox, and the transport that receives events."""

from __future__ import annotations

from collections import Counter
from contextlib import AsyncExitStack
from functools import partial
from random import Random
from typing import Any, Protocol

import aiohttp
from slack_bolt.oauth.async_oauth_flow import AsyncOAuthFlow
from slack_sdk.errors import SlackApiError

from foreword.errors import FailedPreconditionError
from foreword_slack.catch_up import CatchUp
from foreword_slack.check import identify
from foreword_slack.clock import Clock
from foreword_slack.config import BotConfig, TeamConfig
from foreword_slack.delivery.clients import TokenNotRenewedError
from foreword_slack.dispatch import Dispatcher
from foreword_slack.health import Readiness
from foreword_slack.hooks import Hooks
from foreword_slack.housekeeping import Housekeeping
from foreword_slack.inbox import Inbox, InboxSettings
from foreword_slack.installations import Installations
from foreword_slack.listeners import read_event, register
from foreword_slack.metrics import BotMetrics, BotState
from foreword_slack.outbox import Outbox, OutboxSettings
from foreword_slack.payloads import MESSAGE
from foreword_slack.plugin_calls import SETTINGS as CALL_SETTINGS
from foreword_slack.plugin_calls import plugin_caller
from foreword_slack.scopes import OPTIONAL, REQUIRED
from foreword_slack.secrets import Secrets
from foreword_slack.service import ForewordService
from foreword_slack.slack_api import SlackApi
from foreword_slack.store import Event, Lane, Overview, Store, UnitOfWork
from foreword_slack.team import Team
from foreword_slack.token_vault import TokenVault, key_from
from foreword_slack.transport.http import HttpServer
from foreword_slack.transport.intake import ANSWER_SECONDS, Intake
from foreword_slack.transport.oauth import oauth_flow
from foreword_slack.transport.socket import SocketMode, SocketSettings


class Transport(Protocol):
    """A source of events. `counts` holds the number of its events by outcome."""

    counts: Counter[str]

    async def start(self) -> None:
        """Start to listen."""
        ...

    async def stop(self) -> None:
        """Stop listening, and answer the requests in progress."""
        ...


class Bot:
    """The bot; `build_bot` makes one.

    Attributes:
        config: The configuration.
        store: The durable state.
        inbox: The events to handle.
        plugin_calls: The calls of plugins to make.
        outbox: The calls to Slack to make.
        transport: The source of events.
        teams: The configured workspaces, by id.
        metrics: What the bot counts.
    """

    def __init__(
        self,
        config: BotConfig,
        *,
        store: Store,
        api: SlackApi,
        service: ForewordService,
        inbox: Inbox,
        plugin_calls: Inbox,
        outbox: Outbox,
        intake: Intake,
        installations: Installations,
        transport: Transport,
        catch_up: CatchUp,
        teams: dict[str, Team],
        metrics: BotMetrics,
    ) -> None:
        self.config = config
        self._api, self._service, self.transport = api, service, transport
        self.store, self.inbox, self.outbox, self.teams = store, inbox, outbox, teams
        self.metrics, self.plugin_calls = metrics, plugin_calls
        self._catch_up = catch_up
        self._intake = intake
        self._housekeeping = Housekeeping(store, installations, self.facts)

    @property
    def readiness(self) -> Readiness:
        """True if events can be received."""
        if isinstance(self.transport, SocketMode) and not self.transport.num_ready:
            return Readiness(is_ready=False, reason="no socket is open")
        return Readiness(is_ready=True)

    def state(self, overview: Overview | None) -> BotState:
        """Return what the metrics show of this moment.

        Args:
            overview: State of the store; None if it cannot be reached.
        """
        return BotState(
            counts=self.counts(),
            sockets=self.transport.num_ready if isinstance(self.transport, SocketMode) else None,
            last_event_time=self._intake.last_event_time,
            now=self.store.clock.now(),
            overview=overview,
        )

    def counts(self) -> dict[str, dict[str, int]]:
        """Return the counters since the start, by name and outcome."""
        return {
            "intake_payloads": dict(self._intake.counts),
            "inbox_events": dict(self.inbox.counts),
            "plugin_calls": dict(self.plugin_calls.counts),
            "outbox_calls": dict(self.outbox.counts),
            "transport_events": dict(self.transport.counts),
        }

    def facts(self) -> dict[str, Any]:
        """Return the facts that `foreword slack status` shows of a running bot."""
        last = self._intake.last_event_time
        facts: dict[str, Any] = {
            "mode": self.config.slack.mode,
            "last_event": last and last.isoformat(),
            **self.counts(),
        }
        if isinstance(self.transport, SocketMode):
            facts["sockets"] = self.transport.num_ready
        return facts

    async def start(self) -> None:
        """Start to handle waiting events and posts, then start to listen."""
        self.outbox.start()
        self.inbox.start()
        self.plugin_calls.start()
        self._housekeeping.start()
        await self.transport.start()
        self._catch_up.start()

    async def stop(self) -> None:
        """Stop listening, finish the work in progress, and close everything; the rest waits for the next start."""
        seconds = self.config.timers.drain_seconds
        await self._catch_up.stop()
        await self.transport.stop()
        await self.inbox.stop(seconds)
        await self.plugin_calls.stop(seconds)
        await self.outbox.stop(seconds)
        await self._housekeeping.stop()
        await self._service.close()
        await self._api.close()
        await self.store.close()


async def build_bot(
    config: BotConfig,
    secrets: Secrets,
    *,
    clock: Clock | None = None,
    random: Random | None = None,
    hooks: Hooks | None = None,
    inbox: InboxSettings | None = None,
    outbox: OutboxSettings | None = None,
    answer_seconds: float = ANSWER_SECONDS,
) -> Bot:
    """Build a bot, migrate its store and identify its workspaces.

    Args:
        clock: Default: the system clock.
        random: Source of the jitter of waits.
        hooks: Default: the installed plugins.
        answer_seconds: Time after which Slack gets an error for an event that is not stored yet.

    Raises:
        FailedPreconditionError: A plugin is invalid.
        InvalidArgumentError: A token belongs to another workspace.
        UnavailableError: The database cannot be reached.
    """
    chance = random or Random()  # noqa: S311 - jitter
    hooks = hooks or Hooks.load()
    async with AsyncExitStack() as opened:
        store = await Store.open(secrets.database_url or config.store.place, clock=clock)
        opened.push_async_callback(store.close)
        api = SlackApi(config.slack.api_url, clock=store.clock)
        opened.push_async_callback(api.close)
        service = ForewordService(config.service, secrets.api_keys)
        opened.push_async_callback(service.close)
        installations = _installations(config, secrets, store, api)
        await installations.reseal_all()
        metrics = BotMetrics(store.clock.now)
        teams: dict[str, Team] = {}
        for team in config.teams:
            token = secrets.bot_tokens.get(team.team)
            url = await (installations.install_token(team.team, token) if token else _find_url(installations, team))
            teams[team.team] = Team(
                config=team,
                timers=config.timers,
                service=service.tenant(team.team),
                store=store,
                hooks=hooks,
                random=chance,
                clients=installations,
                observe=metrics.observe,
                url=url or config.slack.site_url,
            )
        dispatcher = Dispatcher(teams)

        def give_up(uow: UnitOfWork, event: Event, reason: str) -> None:
            dispatcher.give_up(uow, event, reason)
            if event.kind == MESSAGE:
                metrics.given_up(event.team)

        events = Inbox(
            store,
            dispatcher.handle,
            settings=inbox,
            random=chance,
            on_dead=give_up,
            on_repeated=metrics.repeated,
        )
        plugin_calls = Inbox(store, plugin_caller(hooks), lane=Lane.PLUGINS, settings=CALL_SETTINGS, random=chance)
        intake = Intake(
            events,
            store,
            partial(read_event, teams=teams),
            answer_seconds=answer_seconds,
            on_answer=metrics.answered,
        )
        oauth = _oauth(config, secrets, store, installations, api)
        register(intake.bolt_app(installations, api.client(), oauth), teams)
        opened.pop_all()
        return Bot(
            config,
            store=store,
            api=api,
            service=service,
            inbox=events,
            plugin_calls=plugin_calls,
            outbox=Outbox(
                store,
                installations,
                settings=outbox,
                random=chance,
                on_failed=dispatcher.post_given_up,
                on_sent=metrics.sent,
            ),
            intake=intake,
            installations=installations,
            transport=_transport(config, secrets, store, api, intake, oauth, chance),
            catch_up=CatchUp(events, installations, teams, chance),
            teams=teams,
            metrics=metrics,
        )


def _installations(config: BotConfig, secrets: Secrets, store: Store, api: SlackApi) -> Installations:
    tenants = {team.team: team.tenant for team in config.teams}
    # Without encryption keys nothing is installed through OAuth, and the tokens of the environment are stored again at
    # each start. A bot that is about to stop must still be able to read what its successor stored.
    keys = secrets.encryption_keys or (key_from((secrets.app_token, secrets.signing_secret)),)
    return Installations(
        store,
        TokenVault(keys),
        api,
        tenant_of=tenants.get,
        client_id=secrets.client_id or None,
        client_secret=secrets.client_secret or None,
    )


def _oauth(
    config: BotConfig, secrets: Secrets, store: Store, installations: Installations, api: SlackApi
) -> AsyncOAuthFlow | None:
    if not secrets.oauth:
        return None
    return oauth_flow(
        store,
        installations,
        api,
        client_id=secrets.client_id,
        client_secret=secrets.client_secret,
        scopes=[*REQUIRED, *OPTIONAL],
        public_url=config.slack.public_url,
        site_url=config.slack.site_url,
    )


def _transport(
    config: BotConfig,
    secrets: Secrets,
    store: Store,
    api: SlackApi,
    intake: Intake,
    oauth: AsyncOAuthFlow | None,
    random: Random,
) -> Transport:
    if config.slack.mode == "socket":
        return SocketMode(
            api,
            store.clock,
            intake.dispatch,
            app_token=secrets.app_token,
            settings=SocketSettings(connections=config.slack.connections),
            random=random,
        )
    return HttpServer(
        intake,
        store.clock,
        signing_secret=secrets.signing_secret,
        oauth=oauth,
        host=config.slack.host,
        port=config.slack.port,
    )


async def _find_url(installations: Installations, team: TeamConfig) -> str:
    """Return the address of a workspace if the bot was installed there through OAuth; empty otherwise."""
    try:
        client = await installations.client(team.team, reads=True)
        return "" if client is None else (await identify(client)).url
    except (SlackApiError, aiohttp.ClientError, FailedPreconditionError, TokenNotRenewedError, TimeoutError):
        return ""  # the outbox will detect and report this
