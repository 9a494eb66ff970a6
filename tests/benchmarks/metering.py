"""What it costs to count a request and to keep quotas, in processor time.

    python tests/benchmarks/metering.py [--requests 2000] [--rounds 10]

The benchmark sends requests through the layers of a server for quotas and usage, over an engine that answers at once,
and the same number straight to that engine, round after round. It prints the median difference of a request in
microseconds: with the journal alone, and with quotas of requests and tokens that are never reached. It also prints the
time of a batch that adds what was written to the database, per request.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from foreword.domain.inference import Generation, StopReason, TokenUsage
from foreword.domain.quota import Quotas
from foreword.inference.interfaces import EngineRequest, Piece
from foreword.server.callers.rate_quotas import RateQuotas
from foreword.server.usage.accounted_engine import AccountedEngine
from foreword.server.usage.meter import UsageMeter
from foreword.storage.database import Database
from foreword.storage.repositories.tenants import TenantRepository
from foreword.storage.usage.journal import UsageJournal
from foreword.storage.usage.quotas import QuotaRepository
from foreword.turns.turn_pool import TurnPool

MODEL = "baseModels/foreword--starter"
REQUEST = EngineRequest(id="x", tenant="acme", base_model="foreword--starter", model=MODEL, text="x")


class Instant:
    """An engine that answers at once."""

    def __init__(self) -> None:
        usage = TokenUsage(input_tokens=40, generated_tokens=4, soft_prompt_tokens=50)
        self._final = Piece(text="x", final=Generation(text="x", usage=usage, stop_reason=StopReason.EOS_TOKEN, seed=0))

    async def generate(self, request: EngineRequest) -> AsyncIterator[Piece]:
        """Yield the answer."""
        yield self._final


async def ask(engine: Any) -> None:
    """Read one answer."""
    async for _ in engine.generate(REQUEST):
        pass


async def microseconds(call: Callable[[], Awaitable[None]], count: int) -> float:
    """Return the processor time of a call."""
    begin = time.process_time()
    for _ in range(count):
        await call()
    return (time.process_time() - begin) / count * 1e6


async def measure(folder: Path, requests: int, rounds: int) -> None:
    """Print the cost of a request without and with quotas."""
    database = Database(folder / "foreword.db")
    database.migrate()
    TenantRepository(database).ensure_tenant("acme")
    threads = TurnPool("storage", threads=2)
    journal = UsageJournal(folder / "usage", database)
    meter = UsageMeter(journal, threads, lambda: datetime.now(UTC))
    bare = Instant()
    for name, quotas in (
        ("no quotas", Quotas()),
        ("quotas of requests and tokens", Quotas(requests_per_second=1e9, tokens_per_second=1e9)),
    ):
        database.default_quotas = quotas
        rates = RateQuotas(QuotaRepository(database), threads)
        engine: Any = AccountedEngine(bare, meter, rates)  # type: ignore[arg-type]

        async def counted(engine: Any = engine, rates: RateQuotas = rates) -> None:
            await rates.take_requests("acme")
            await ask(engine)

        await counted()
        differences = [
            await microseconds(counted, requests) - await microseconds(lambda: ask(bare), requests)
            for _ in range(rounds)
        ]
        low, *_, high = statistics.quantiles(differences, n=4)
        print(f"{name}: {statistics.median(differences):.1f} us a request (quartiles {low:.1f} to {high:.1f})")
    waiting = journal.waiting_bytes
    begin = time.process_time()
    await asyncio.to_thread(journal.roll_up)
    total = 2 * rounds * requests + 2
    print(f"batches: {(time.process_time() - begin) / total * 1e6:.2f} us a request, {waiting / total:.0f} bytes each")
    journal.close()
    threads.close()
    database.close()


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(Path(folder), options.requests, options.rounds))


if __name__ == "__main__":
    main()
