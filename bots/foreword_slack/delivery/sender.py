"""The sender of a workspace: its calls, its rate limits, and the reaction to failures."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from random import Random

from slack_sdk.web.async_client import AsyncWebClient

from foreword.backoff import Backoff
from foreword.errors import FailedPreconditionError, LeaseLostError, UnavailableError
from foreword.observability.logging import get_logger
from foreword_slack.delivery.budgets import Budgets
from foreword_slack.delivery.calls import Absence, call, find
from foreword_slack.delivery.clients import Clients, TokenNotRenewedError
from foreword_slack.delivery.settings import OutboxSettings
from foreword_slack.store import InstallationState, Operation, Operator, Store, UnitOfWork
from foreword_slack.store.post_queue import OTHERS, TARGET_FAILED, Sending
from foreword_slack.verdicts import Failure, Verdict, judge
from foreword_slack.wakeup import Wakeup

_log = get_logger(__name__)


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
        # A call that was cut off may take effect a little later.
        self._latest_effect = timedelta(seconds=settings.call_seconds + settings.settle_seconds)
        self._budgets = Budgets(settings)
        self._cursors: dict[int, str] = {}  # of the searches in progress, by key
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
        in_progress = list(self._in_progress.values())
        busy = {sending.channel for sending in in_progress if sending.operation is Operation.POST}
        closed = self._budgets.closed_channels(now)
        room = self._settings.calls_at_once - len(in_progress)
        team_wait = self._budgets.team_wait(now)
        if room <= 0:
            return self._settings.poll_seconds
        if team_wait > 0:
            return team_wait
        others = self._permitted_others(in_progress, now)

        def claim(operator: Operator) -> list[Sending]:
            for orphan in operator.posts.fail_orphans(self._team):
                if self._on_failed is not None:
                    self._on_failed(operator.of(self._team), orphan, TARGET_FAILED)
            return operator.posts.claim(
                self._team,
                busy | closed.keys(),
                room,
                self._lease,
                others=others,
                latest_effect=self._latest_effect,
            )

        claimed = await self._store.operate(claim, team=self._team)
        for sending in claimed:
            self._budgets.begin(sending, now)
            task = asyncio.create_task(self._send(sending))
            self._in_progress[task] = sending
            task.add_done_callback(self._let_go)
        if claimed:
            return 0.0
        due = await self._store.survey(lambda operator: operator.posts.next_due(self._team))
        if due is None:
            return None
        until_due = (due - self._clock.now()).total_seconds()
        ready = [wait for channel, wait in closed.items() if channel not in busy]
        ready += self._budgets.closed_operations(now).values()
        # A call that is due now waits for its budget, or for a call in progress, whose end wakes the loop.
        return min([until_due if until_due > 0 else self._settings.poll_seconds, *ready, self._settings.poll_seconds])

    def _permitted_others(self, in_progress: Sequence[Sending], now: datetime) -> dict[Operation, int]:
        """Return how many calls other than posts may begin; they leave room for posts, which come first."""
        running = sum(sending.operation is not Operation.POST for sending in in_progress)
        room = max(0, self._settings.calls_at_once // 2 - running)
        return {operation: min(room, self._budgets.permitted(operation, now)) for operation in OTHERS}

    def _let_go(self, task: asyncio.Task[None]) -> None:
        sending = self._in_progress.pop(task)
        self._budgets.end(sending, self._clock.now())
        self._cursors.pop(sending.key, None)
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
        except TokenNotRenewedError as error:
            await self._release(sending, error.seconds, "token_not_renewed", unsure=sending.unsure)
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
            await self._look_up_failed(sending, client, judge(error))
            return
        try:
            async with self._clock.timeout(self._settings.call_seconds):
                ts = await call(client, sending)
        except Exception as error:
            await self._failed(sending, client, judge(error, sending.operation))
            return
        self._budgets.accepted(sending)
        await self._sent(sending, ts)

    async def _look(self, client: AsyncWebClient, sending: Sending) -> str | None:
        self._cursors[sending.key] = sending.look_up_cursor
        found = await find(
            client,
            sending,
            self._settings.skew_seconds,
            on_page=lambda cursor: self._cursors.update({sending.key: cursor}),
        )
        if isinstance(found, str):
            return found
        self._counts[found.value] += 1
        self._cursors.pop(sending.key, None)
        if sending.operation in (Operation.UPDATE, Operation.HOME):
            return None  # repeating it does no harm
        if found is Absence.UNKNOWN:
            # Better twice than never. Where Slack honours the client_msg_id, the post appears only once.
            _log.warning("call_unresolved", team=self._team, key=sending.key)
        is_absent = found is Absence.ABSENT
        await self._store.operate(lambda operator: operator.posts.resolve(sending, found=is_absent), team=self._team)
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
        times = self._budgets.limited(sending)
        seconds = retry_after_seconds or max(1.0, self._backoff.seconds(times))
        self._budgets.block(sending, self._clock.now(), seconds)
        await self._release(sending, seconds, "ratelimited", unsure=False)

    async def _token_expired(self, sending: Sending, client: AsyncWebClient, *, unsure: bool) -> None:
        try:
            renewed = await self._replaced(client) or await self._clients.renew(self._team)
        except TokenNotRenewedError as error:
            await self._release(sending, error.seconds, "token_not_renewed", unsure=unsure)
            return
        if renewed:
            await self._release(sending, 0.0, "token_expired", unsure=unsure)
        else:
            await self._down(sending, client, "token_expired", unsure=unsure)

    async def _replaced(self, client: AsyncWebClient) -> bool:
        """Return whether the workspace now has another token than the one that Slack refused."""
        try:
            current = await self._clients.client(self._team)
        except (FailedPreconditionError, TokenNotRenewedError):
            return False
        return current is not None and current.token != client.token

    async def _down(self, sending: Sending, client: AsyncWebClient, reason: str, *, unsure: bool) -> None:
        """Park the workspace's calls until the bot is installed again, or Slack accepts its token again."""
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

        cursor = self._cursors.get(sending.key, "") if unsure else ""

        def release(operator: Operator) -> None:
            operator.posts.release(
                sending, due_time=due, reason=reason, unsure=unsure, counted=counted, look_up_cursor=cursor
            )

        await self._store.operate(release, team=self._team)

    async def _give_up(self, sending: Sending, reason: str) -> None:
        self._counts["failed"] += 1
        _log.error("call_given_up", team=self._team, key=sending.key, operation=sending.operation.value, reason=reason)

        def give_up(operator: Operator) -> None:
            operator.posts.fail(sending, reason)
            if self._on_failed is not None:
                self._on_failed(operator.of(self._team), sending, reason)

        await self._store.operate(give_up, team=self._team)
