"""The speed of the Slack bot in real time: the time to post a complaint, and the time to acknowledge an event.

    python tests/benchmarks/slack.py [--epochs N] [--complaints N]

The service, its worker and the tuned embedded model are real; the bot talks to them and to the fake Slack on loopback.
First, complaints arrive one at a time while nothing else happens; then many arrive while others keep the model busy.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1]))

from factories.bots import Access, Office, make_office, office_values, start_bot
from foreword.cli.demo.service import LocalService
from foreword.client import AsyncClient, TuneParameters
from foreword.errors import ExhaustedError
from foreword.samples import load_rows, sample_path
from foreword_slack.config import BotConfig
from foreword_slack.testing import FakeSlack

_CALLERS = 32  # as many as the engine decodes together
_COMPLAINTS_PER_SECOND = 10.0


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that this share of the values does not exceed."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


async def one_at_a_time(office: Office, texts: Sequence[str]) -> list[float]:
    """Return the seconds from each complaint to its first post."""
    seconds = []
    for text in texts:
        before, started = len(office.department_posts()), time.perf_counter()
        office.ann.post(office.complaints, text)
        await office.posted(before + 1)
        seconds.append(time.perf_counter() - started)
        await office.handled()
        await asyncio.sleep(2)  # so that no post waits for its channel's turn
    return seconds


@asynccontextmanager
async def busy(access: Access, texts: Sequence[str]) -> AsyncIterator[None]:
    """Keep the model saturated."""

    async def ask(client: AsyncClient, number: int) -> None:
        while True:
            try:
                await client.classify("complaints", texts[number % len(texts)])
            except ExhaustedError as error:
                await asyncio.sleep(error.retry_after.total_seconds() if error.retry_after else 0.1)

    async with AsyncClient(access.endpoint, access.key) as client:
        callers = [asyncio.create_task(ask(client, number)) for number in range(_CALLERS)]
        try:
            yield
        finally:
            for caller in callers:
                caller.cancel()
            await asyncio.gather(*callers, return_exceptions=True)


async def flood(office: Office, access: Access, texts: Sequence[str]) -> list[float]:
    """Return the seconds to each acknowledgement while the model is busy."""
    known = len(office.slack.journal.ack_seconds())
    async with busy(access, texts):
        await asyncio.sleep(1)
        for text in texts:
            office.bob.post(office.complaints, text)
            await asyncio.sleep(1 / _COMPLAINTS_PER_SECOND)
        await office.slack.settle(wall_seconds=120)
    return office.slack.journal.ack_seconds()[known:]


async def measure(access: Access, folder: Path, labels: Sequence[str], complaints: int) -> None:
    """Run the benchmark and print the figures."""
    async with FakeSlack() as slack:
        office = make_office(slack, labels)
        config = BotConfig.model_validate(
            {
                "service": {"endpoint": access.endpoint},
                "store": {"url": f"sqlite:///{folder}/slack.db"},
                "slack": {"mode": "http", "port": 0, "api_url": slack.api_url},
                "teams": [office_values(office, access)],
            }
        )
        office.bot = await start_bot(config, office, access)
        try:
            posted = await one_at_a_time(office, [row["input"] for row in load_rows("complaints_unseen")][:20])
            acknowledged = await flood(office, access, [row["input"] for row in load_rows("complaints")][:complaints])
        finally:
            await office.bot.stop()
    print(f"complaint to post, unloaded, median s: {median(posted):.2f} (slowest of {len(posted)}: {max(posted):.2f})")
    print(
        f"acknowledgement while the model is saturated, s: median {median(acknowledged):.3f}, "
        f"p99 {percentile(acknowledged, 0.99):.3f} ({len(acknowledged)} events)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=4, help="of the tuning before; quality does not matter here")
    parser.add_argument("--complaints", type=int, default=260, help="that come while the model is saturated")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as home, LocalService(Path(home)) as service, service.client() as client:
        dataset = client.upload_dataset(sample_path("complaints"), display_name="complaints")
        parameters = TuneParameters(num_epochs=arguments.epochs, refit=False)
        run = client.create_tune_experiment(dataset, display_name="benchmark", parameters=parameters)
        done = client.wait_for_experiment(run)
        client.create_deployment(done.tuned_model, serving_name="complaints")
        labels = client.get_tuned_model(done.tuned_model).labels
        access = Access(endpoint=service.endpoint, tenant=client.who_am_i().tenant, key="dev")
        asyncio.run(measure(access, Path(home), labels, arguments.complaints))


if __name__ == "__main__":
    main()
