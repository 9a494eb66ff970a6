"""Under faults of Slack and kills of the bot, no complaint is lost and no department is notified twice."""

from __future__ import annotations

import asyncio
import statistics
from dataclasses import dataclass
from pathlib import Path

import pytest

from factories.bot_process import BotProcess
from factories.keyword_service import KeywordService
from factories.slack_flood import AMBIGUOUS, Flood, kill_again_and_again, make_place
from foreword_slack.testing import App, CallFault, DeliveryFault, FakeSlack, FaultPlan, SocketFault

CALL_FAULTS = {
    CallFault.RATE_LIMITED: 0.01,
    CallFault.INTERNAL_ERROR: 0.005,
    CallFault.INTERNAL_ERROR_AFTER: 0.005,
    CallFault.FATAL_ERROR: 0.005,
    CallFault.HTML_500: 0.003,
    CallFault.HTML_503: 0.003,
    CallFault.NOT_JSON: 0.002,
    CallFault.HANG: 0.001,
    CallFault.HANG_AFTER: 0.001,
    CallFault.CUT_BEFORE: 0.005,
    CallFault.CUT_AFTER: 0.01,
}
DELIVERY_FAULTS = {DeliveryFault.DUPLICATE: 0.05, DeliveryFault.LATE: 0.05, DeliveryFault.ACK_LOST: 0.03}
SOCKET_FAULTS = {
    SocketFault.CUT: 0.002,
    SocketFault.REFRESH: 0.001,
    SocketFault.WARNING: 0.001,
    SocketFault.HALF_OPEN: 0.0005,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The results of a flood."""

    complaints: int
    missing: int
    doubled: int
    misdirected: int
    lost_by_slack: int
    ambiguous: int
    kills: int
    fell: int
    median_seconds: float
    ack_p99_seconds: float
    exit_status: int


async def flood_the_bot(
    folder: Path,
    *,
    complaints: int,
    kills: int,
    speed: float,
    places: int,
    mode: str,
    honours_client_msg_id: bool = True,
    faults: bool = True,
    seed: int = 1,
) -> Account:
    """Flood a bot that is killed repeatedly; with `faults`, Slack injects every fault too."""
    plan = FaultPlan(seed=seed)
    if faults:
        plan = FaultPlan(seed=seed, calls=CALL_FAULTS, deliveries=DELIVERY_FAULTS, sockets=SOCKET_FAULTS)
    app = App(honours_client_msg_id=honours_client_msg_id)
    async with KeywordService() as service, FakeSlack(speed=speed, faults=plan, app=app) as slack:
        workplaces = [make_place(slack, f"Team {number}", complaint_channels=4) for number in range(places)]
        config = {
            "service": {"endpoint": service.endpoint},
            "store": {"url": f"sqlite:///{folder}/slack.db"},
            "slack": {"mode": mode, "api_url": slack.api_url} | ({"port": 0} if mode == "http" else {}),
            "teams": [place.config() for place in workplaces],
        }
        secrets = {
            "api_keys": {place.workspace.id: "dev" for place in workplaces},
            "bot_tokens": {place.workspace.id: place.workspace.token for place in workplaces},
            "app_token": app.app_token,
            "signing_secret": app.signing_secret,
        }
        bot = BotProcess(slack, config, secrets, folder / "bot.log")
        await bot.start()
        flood = Flood(slack, workplaces, seed=seed)
        async with asyncio.TaskGroup() as both:
            both.create_task(kill_again_and_again(slack, bot, flood, kills=kills, complaints=complaints, seed=seed))
            both.create_task(flood.write(complaints, most_outstanding=max(30, complaints // 20)))
            telling = asyncio.create_task(tell_progress(flood, bot))
        telling.cancel()
        await flood.dealt_with()
        status = await bot.stop()
        acks = sorted(slack.journal.ack_seconds())
        return Account(
            complaints=complaints,
            missing=len(flood.missing()),
            doubled=flood.doubled(),
            misdirected=len(flood.misdirected()),
            lost_by_slack=sum(delivery.lost for delivery in slack.journal.deliveries),
            ambiguous=sum(plan.happened[fault.value] for fault in AMBIGUOUS) + bot.starts - 1,
            kills=kills,
            fell=bot.fell,
            median_seconds=statistics.median(flood.seconds_to_deliver()),
            ack_p99_seconds=acks[int(len(acks) * 0.99)],
            exit_status=status,
        )


async def tell_progress(flood: Flood, bot: BotProcess) -> None:
    """Print the progress of a long flood from time to time; visible with `-s`."""
    while True:
        await asyncio.sleep(60)
        left, doubled = flood.outstanding(), flood.doubled()
        print(
            f"{len(flood.complaints)} written, {left} outstanding, {doubled} doubled, {bot.starts} starts", flush=True
        )


@pytest.mark.parametrize("mode", ["socket", "http"])
async def test_a_small_flood_with_kills_loses_and_doubles_nothing(tmp_path: Path, mode: str) -> None:
    account = await flood_the_bot(tmp_path, complaints=100, kills=2, speed=10, places=2, mode=mode)

    assert (account.missing, account.doubled, account.misdirected) == (0, 0, 0), account
    assert account.exit_status == 0


async def test_kills_alone_double_nothing_even_where_client_msg_id_is_ignored(tmp_path: Path) -> None:
    account = await flood_the_bot(
        tmp_path, complaints=40, kills=1, speed=10, places=1, mode="socket", honours_client_msg_id=False, faults=False
    )

    assert (account.missing, account.doubled, account.misdirected) == (0, 0, 0), account


@pytest.mark.soak
@pytest.mark.timeout(5400)
@pytest.mark.parametrize("mode", ["socket", "http"])
async def test_ten_thousand_complaints_survive_all_faults_and_fifty_kills(tmp_path: Path, mode: str) -> None:
    account = await flood_the_bot(tmp_path, complaints=10_000, kills=50, speed=5, places=4, mode=mode)

    print(account)
    assert (account.missing, account.doubled, account.misdirected) == (0, 0, 0), account


@pytest.mark.soak
@pytest.mark.timeout(5400)
async def test_where_client_msg_id_is_ignored_only_ambiguous_posts_may_double(tmp_path: Path) -> None:
    account = await flood_the_bot(
        tmp_path, complaints=2_000, kills=10, speed=5, places=4, mode="socket", honours_client_msg_id=False
    )

    print(account)
    assert (account.missing, account.misdirected) == (0, 0), account
    assert account.doubled <= account.ambiguous, account
