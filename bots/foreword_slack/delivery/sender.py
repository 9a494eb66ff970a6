"""The sender of a workspace: its calls, its rate limits, and the reaction to failures."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Protocol

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

from foreword.backoff import Backoff
from foreword.errors import FailedPreconditionError, LeaseLostError, UnavailableError
from foreword.observability.logging import get_logger
from foreword_slack.delivery.buckets import TokenBucket
from foreword_slack.delivery.calls import Absence, call, find
from foreword_slack.delivery.settings import OutboxSettings
from foreword_slack.delivery.verdicts import Failure, Verdict, judge
from foreword_slack.store import InstallationState, Operation, Operator, Store, UnitOfWork
from foreword_slack.store.post_queue import TARGET_FAILED, Sending
from foreword_slack.wakeup import Wakeup

_log = get_logger(__name__)


class Clients(Protocol):
    """A source of clients for workspaces."""

    async def client(self, team: str) -> AsyncWebClient | None:
        """Return a client with the workspace's token; None if the bot is not installed there or its token is invalid.

        Raises:
            FailedPreconditionError: The token cannot be decrypted.
            aiohttp.ClientError: The token has expired, and Slack cannot be reached to renew it.
        """
        ...

    async def renew(self, team: str) -> bool:
        """Renew an expired token; return False if it cannot be renewed.

        Raises:
            aiohttp.ClientError: Slack cannot be reached.
        """
        ...


class TeamSender:
    """The sender of one workspace's calls; a busy workspace does not delay the others.

    Args:
        counts: Counters of outcomes, by name.
        on_failed: Called with the reason in the transaction that gives a call up.
        on_sent: Called with each call that was made.
    """

    def __init__(
        self,
        team: str,
        store: Store,
        clients: Clients,
        settings: OutboxSettings,
        random: Random,
        counts: Counter[str],
        on_failed: Callable[[UnitOfWork, Sending, str], None] | None,
        on_sent: Callable[[Sending], object] = lambda _: None,
    ) -> None:
        self._team, self._store, self._clock, self._clients = team, store, store.clock, clients
        self._settings, self._counts, self._on_failed, self._on_sent = settings, counts, on_failed, on_sent
        self._backoff = Backoff(settings.first_wait_seconds, settings.longest_wait_seconds, random)
        self._lease = timedelta(seconds=settings.lease_seconds)
        self._bucket = TokenBucket(settings.team_rate, settings.team_burst)
        self._channels: defaultdict[str, TokenBucket] = defaultdict(
            lambda: TokenBucket(settings.channel_rate, settings.channel_burst)
        )
        self._slowed: Counter[str] = Counter()  # consecutive rate limits by channel
        self._in_progress: dict[asyncio.Task[None], Sending] = {}
        self.wakeup = Wakeup(self._clock)
        self._stopping = False

    async def run(self) -> None:
        """Make calls until none is left or `stop` is called."""
        while not self._stopping:
            self.wakeup.clear()
            try:
                wait = await self._claim()
            except UnavailableError:  # the store has logged the reason once
                wait = self._settings.poll_seconds
            except Exception:  # the loop must not end while the bot appears to be running
                _log.exception("outbox_claim_failed", team=self._team)
                wait = self._settings.poll_seconds
            if wait is None and not self._in_progress and not self.wakeup.is_set():
                return
            await self.wakeup.wait(self._settings.poll_seconds if wait is None else wait)

    async def stop(self, grace_seconds: float) -> None:
        """Start no more calls, and wait for those in progress; the outcome of a cancelled call counts as unknown."""
        self._stopping = True
        self.wakeup.set()
        if self._in_progress:
            await asyncio.wait(list(self._in_progress), timeout=grace_seconds)
        tasks = list(self._in_progress)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _claim(self) -> float | None:
        """Start the calls that may be made now; return the seconds until the next may be, or None if none is left."""
        now = self._clock.now()
        waits = {channel: bucket.wait(now) for channel, bucket in self._channels.items()}
        busy = {sending.channel for sending in self._in_progress.values()}
        off = busy | {channel for channel, wait in waits.items() if wait > 0}
        room = self._settings.calls_at_once - len(self._in_progress)
        team_wait = self._bucket.wait(now)
        if room <= 0:
            return self._settings.poll_seconds
        if team_wait > 0:
            return team_wait

        def claim(operator: Operator) -> list[Sending]:
            for orphan in operator.posts.fail_orphans(self._team):
                if self._on_failed is not None:
                    self._on_failed(operator.of(self._team), orphan, TARGET_FAILED)
            return operator.posts.claim(self._team, off, room, self._lease)

        claimed = await self._store.operate(claim, team=self._team)
        for sending in claimed:
            self._bucket.take(now)
            self._channels[sending.channel].take(now)
            task = asyncio.create_task(self._send(sending))
            self._in_progress[task] = sending
            task.add_done_callback(self._let_go)
        if claimed:
            return 0.0
        due = await self._store.survey(lambda operator: operator.posts.next_due(self._team))
        if due is None:
            return None
        until_due = (due - self._clock.now()).total_seconds()
        ready = [wait for channel, wait in waits.items() if wait > 0 and channel not in busy]
        # A call that is due now waits for its channel's bucket, or for a call in progress, whose end wakes the loop.
        return min([until_due if until_due > 0 else self._settings.poll_seconds, *ready, self._settings.poll_seconds])

    def _let_go(self, task: asyncio.Task[None]) -> None:
        sending = self._in_progress.pop(task)
        # Slack counts a call when it arrives. The call that has just ended may have been delayed on its way.
        self._channels[sending.channel].forfeit(self._clock.now())
        self.wakeup.set()

    async def _send(self, sending: Sending) -> None:
        try:
            await self._make(sending)
        except (LeaseLostError, UnavailableError) as error:
            # The lease expires; the next sender that claims the call determines its outcome.
            _log.warning("call_not_ended", team=self._team, key=sending.key, reason=error.reason)
        except Exception:
            _log.exception("call_not_ended", team=self._team, key=sending.key)

    async def _make(self, sending: Sending) -> None:
        try:
            client = await self._clients.client(self._team)
        except FailedPreconditionError as error:
            # Another bot on this store may have the key, so the workspace is not down.
            reason = error.reason.lower()
            _log.error("call_not_made", team=self._team, reason=reason)
            await self._release(sending, self._settings.longest_wait_seconds, reason, unsure=sending.unsure)
            return
        except (aiohttp.ClientError, TimeoutError):
            # The token has expired, and Slack could not be reached to renew it.
            await self._release(
                sending, self._backoff.seconds(sending.attempt), "token_not_renewed", unsure=sending.unsure
            )
            return
        if client is None:
            await self._release(sending, self._settings.poll_seconds, "not_installed", unsure=sending.unsure)
            return
        unsure = sending.unsure
        try:
            async with self._clock.timeout(self._settings.call_seconds):
                if unsure and (ts := await self._look(client, sending)) is not None:
                    self._counts["found"] += 1
                    await self._sent(sending, ts)
                    return
        except Exception as error:
            await self._look_up_failed(sending, client, judge(error, Operation.POST))
            return
        try:
            async with self._clock.timeout(self._settings.call_seconds):
                ts = await call(client, sending)
        except Exception as error:
            await self._failed(sending, client, judge(error, sending.operation))
            return
        self._slowed.pop(sending.channel, None)
        await self._sent(sending, ts)

    async def _look(self, client: AsyncWebClient, sending: Sending) -> str | None:
        found = await find(client, sending, self._settings.skew_seconds)
        if isinstance(found, str):
            return found
        self._counts[found.value] += 1
        if found is Absence.UNKNOWN and sending.operation in (Operation.POST, Operation.EPHEMERAL):
            # Better twice than never. Where Slack honours the client_msg_id, the post appears only once.
            _log.warning("call_unresolved", team=self._team, key=sending.key)
            await self._store.operate(lambda operator: operator.posts.resolve(sending, found=False), team=self._team)
        return None

    async def _sent(self, sending: Sending, ts: str | None) -> None:
        self._counts["sent"] += 1
        self._on_sent(sending)
        await self._store.operate(lambda operator: operator.posts.sent(sending, ts), team=self._team)

    async def _look_up_failed(self, sending: Sending, client: AsyncWebClient, failure: Failure) -> None:
        if failure.verdict is Verdict.TENANT_DOWN:
            await self._down(sending, client, failure.reason, unsure=True)
        elif failure.verdict is Verdict.TOKEN_EXPIRED:
            await self._token_expired(sending, client, unsure=True)
        else:
            seconds = failure.retry_after_seconds or self._backoff.seconds(sending.attempt) + 1.0
            await self._release_or_give_up(sending, seconds, f"look_up_{failure.reason}", unsure=True, counted=True)

    async def _failed(self, sending: Sending, client: AsyncWebClient, failure: Failure) -> None:
        self._counts[failure.verdict.value] += 1
        match failure.verdict:
            case Verdict.DONE:
                await self._sent(sending, None)
            case Verdict.PERMANENT:
                await self._give_up(sending, failure.reason)
            case Verdict.RATE_LIMITED:
                await self._slow_down(sending, failure.retry_after_seconds)
            case Verdict.TENANT_DOWN:
                await self._down(sending, client, failure.reason, unsure=False)
            case Verdict.TOKEN_EXPIRED:
                await self._token_expired(sending, client, unsure=False)
            case Verdict.REFUSED if sending.attempt >= self._settings.max_refusals:
                await self._give_up(sending, failure.reason)
            case Verdict.UNSURE:
                seconds = self._settings.settle_seconds + self._backoff.seconds(sending.attempt)
                await self._release_or_give_up(sending, seconds, failure.reason, unsure=True, counted=True)
            case Verdict.REFUSED | Verdict.NOT_MADE:
                seconds = self._backoff.seconds(sending.attempt)
                await self._release_or_give_up(sending, seconds, failure.reason, unsure=False, counted=True)

    async def _slow_down(self, sending: Sending, retry_after_seconds: float | None) -> None:
        self._slowed[sending.channel] += 1
        seconds = retry_after_seconds or max(1.0, self._backoff.seconds(self._slowed[sending.channel]))
        self._channels[sending.channel].block(self._clock.now(), seconds)
        await self._release(sending, seconds, "ratelimited", unsure=False)

    async def _token_expired(self, sending: Sending, client: AsyncWebClient, *, unsure: bool) -> None:
        try:
            renewed = await self._replaced(client) or await self._clients.renew(self._team)
        except (aiohttp.ClientError, TimeoutError):
            seconds = self._backoff.seconds(sending.attempt)
            await self._release(sending, seconds, "token_not_renewed", unsure=unsure)
            return
        if renewed:
            await self._release(sending, 0.0, "token_expired", unsure=unsure)
        else:
            await self._down(sending, client, "token_expired", unsure=unsure)

    async def _replaced(self, client: AsyncWebClient) -> bool:
        """Return whether the workspace now has another token than the one that Slack refused."""
        try:
            current = await self._clients.client(self._team)
        except (FailedPreconditionError, aiohttp.ClientError, TimeoutError):
            return False
        return current is not None and current.token != client.token

    async def _down(self, sending: Sending, client: AsyncWebClient, reason: str, *, unsure: bool) -> None:
        """Park the workspace's calls until the bot is installed again."""
        if await self._replaced(client):
            await self._release(sending, 0.0, reason, unsure=unsure)
            return
        now = self._clock.now()

        def park(operator: Operator) -> None:
            operator.posts.release(sending, due_time=now, reason=reason, unsure=unsure, counted=False)
            if operator.workspaces.mark(self._team, InstallationState.DOWN, reason):
                operator.of(self._team).audit.append("installation_down", facts={"reason": reason})

        await self._store.operate(park, team=self._team)
        _log.error("installation_down", team=self._team, reason=reason)

    async def _release_or_give_up(
        self, sending: Sending, seconds: float, reason: str, *, unsure: bool, counted: bool
    ) -> None:
        age = self._clock.now() - sending.create_time
        # Requires some attempts as well, because the call may have been parked for days.
        if sending.attempt >= self._settings.max_refusals and age > timedelta(hours=self._settings.give_up_hours):
            await self._give_up(sending, reason)
        else:
            await self._release(sending, seconds, reason, unsure=unsure, counted=counted)

    async def _release(
        self, sending: Sending, seconds: float, reason: str, *, unsure: bool, counted: bool = False
    ) -> None:
        due = self._clock.now() + timedelta(seconds=seconds)

        def release(operator: Operator) -> None:
            operator.posts.release(sending, due_time=due, reason=reason, unsure=unsure, counted=counted)

        await self._store.operate(release, team=self._team)

    async def _give_up(self, sending: Sending, reason: str) -> None:
        self._counts["failed"] += 1
        _log.error("call_given_up", team=self._team, key=sending.key, operation=sending.operation.value, reason=reason)

        def give_up(operator: Operator) -> None:
            operator.posts.fail(sending, reason)
            if self._on_failed is not None:
                self._on_failed(operator.of(self._team), sending, reason)

        await self._store.operate(give_up, team=self._team)
