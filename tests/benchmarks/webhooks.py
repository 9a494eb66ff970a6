"""How soon events arrive at webhooks, alone and while the receivers of other tenants hang, and how many a second.

    python tests/benchmarks/webhooks.py [--hanging 20] [--events 20] [--burst 300]

One server on SQLite, with the times that `foreword serve` has, sends to receivers in the same process. The benchmark
prints the time from the commit of a change to the arrival of its event, as median and maximum, and the rate at which a
burst of events of one tenant arrives.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from factories.api import create_webhook
from factories.receivers import LOOPBACK, Answer, Receiver, running_receiver
from factories.servers import RunningServer, running_servers
from foreword.domain.events import Event, EventKind
from foreword.observability.logging import configure
from foreword.storage.events.outbox import publish

PAUSE_SECONDS: Final = 0.37
WEBHOOKS_OF_A_TENANT: Final = 3


def happen(server: RunningServer, tenant: str, count: int = 1) -> float:
    """Store events in one transaction, and return the time of its commit."""
    with server.database.write() as session:
        for number in range(count):
            resource = f"tenants/{tenant}/spaces/default/deployments/{number}"
            event = Event(kind=EventKind.ROLLOUT_PROMOTED, resource=resource, space="default")
            publish(session, tenant, event, server.database.clock(session))
    return time.monotonic()


def latencies(server: RunningServer, receiver: Receiver, count: int) -> list[float]:
    """Return the times from commit to arrival of events that come one by one."""
    found = []
    for _ in range(count):
        arrived = len(receiver.received)
        committed = happen(server, "measured")
        receiver.wait(arrived + 1)
        found.append(receiver.received[-1].time - committed)
        time.sleep(PAUSE_SECONDS)
    return found


def report(name: str, seconds: list[float]) -> None:
    print(f"{name}: median {statistics.median(seconds):.2f} s, at most {max(seconds):.2f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hanging", type=int, default=20, help="Number of tenants whose receivers hang.")
    parser.add_argument("--events", type=int, default=20, help="Number of events whose latency is measured.")
    parser.add_argument("--burst", type=int, default=300, help="Number of events of the burst.")
    options = parser.parse_args()
    configure("warning")
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        server = stack.enter_context(running_servers(Path(folder)))(**LOOPBACK)
        receiver, hanging = (stack.enter_context(running_receiver()) for _ in range(2))
        create_webhook(server.stubs(server.new_key("measured")), receiver.url)
        report("alone", latencies(server, receiver, options.events))
        arrived, committed = len(receiver.received), happen(server, "measured", options.burst)
        receiver.wait(arrived + options.burst)
        print(f"burst: {options.burst / (time.monotonic() - committed):.0f} events/s to one webhook")
        hanging.otherwise = Answer(wait_seconds=60.0)
        for number in range(options.hanging):
            stubs = server.stubs(server.new_key(f"hanging-{number}"))
            for _ in range(WEBHOOKS_OF_A_TENANT):
                create_webhook(stubs, hanging.url)
            happen(server, f"hanging-{number}", 20)
        report(f"while {options.hanging} tenants hang", latencies(server, receiver, options.events))


if __name__ == "__main__":
    main()
