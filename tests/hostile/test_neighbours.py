"""A tenant at work while another sends every field at its largest size: its waits, and the memory of the server.

Each field has two seconds, in which the neighbour makes about forty calls. If the slowest of them waits too long, the
field is sent again for so long that there is a 99th percentile. The table that is printed at the end (`-rP`) shows the
fields that cost most.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import grpc
import pytest

from factories.api import make_file
from factories.blown_up import Growable, growable_fields, grown
from factories.neighbours import Memory, Neighbour, Repeating, percentile
from factories.rpcs import every_rpc
from factories.servers import Stubs
from factories.targets import BASE, Target, largest
from foreword.cli.demo.service import LocalService
from foreword.client import Scope
from foreword.client.proxy import DIRECT

ATTACK_SECONDS: Final = 2.0
DOUBTFUL_SECONDS: Final = 20.0
"""Length of an attack in which the neighbour makes enough calls for a 99th percentile."""
ATTACKERS: Final = 1
MOST_WAIT: Final = 3.0  # times the wait at rest
MOST_PEAK_BYTES: Final = 512 * 2**20
MOST_LEFT_BYTES: Final = 64 * 2**20

pytestmark = [pytest.mark.soak, pytest.mark.timeout(3600)]


@dataclass(frozen=True)
class Attack:
    """What one field at its largest size did."""

    field: str
    size: int
    code: grpc.StatusCode
    p99_seconds: float
    peak_bytes: int


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    """A service in its own process, without workers: what they compute is not what is measured."""
    with LocalService(tmp_path_factory.mktemp("service"), environment={"FOREWORD_WORKERS": "0"}) as service:
        yield service


@pytest.fixture(scope="module")
def stubs(service: LocalService) -> Iterator[Any]:
    with grpc.insecure_channel(service.endpoint, DIRECT) as channel:
        yield Stubs(channel, "dev")


@pytest.fixture(scope="module")
def neighbour(service: LocalService) -> Iterator[Neighbour]:
    """Another tenant."""
    with service.client() as client:
        client.create_tenant("neighbour")
        secret = client.create_api_key("neighbour", scopes=[Scope.INFER]).secret
    with Neighbour(service.endpoint, secret) as neighbour:
        yield neighbour


@pytest.fixture(scope="module")
def names(service: LocalService) -> Mapping[str, str]:
    """Names of existing resources, by kind."""
    with service.client() as client:
        rows = make_file()
        dataset = client.upload_dataset(rows, display_name="attacked")
        experiment, second = (client.create_tune_experiment(dataset, display_name="attacked") for _ in range(2))
        deployment = client.create_deployment(BASE, serving_name="attacked")
        client.wait_for_deployment(deployment)
    return {
        "Tenant": "tenants/dev",
        "Space": "tenants/dev/spaces/default",
        "BaseModel": BASE,
        "Deployment": deployment.name,
        "TunedModel": "tenants/dev/tunedModels/none",
        "Dataset": dataset.name,
        "TuneExperiment": experiment.name,
        "SecondTuneExperiment": second.name,
        "TuneSweep": "tenants/dev/tuneSweeps/none",
        "Evaluation": "tenants/dev/evaluations/none",
        "BatchJob": "tenants/dev/batchJobs/none",
        "Quota": "tenants/dev/quota",
        "SavedPrompt": "tenants/dev/savedPrompts/none",
        "Webhook": "tenants/dev/webhooks/none",
        "WebhookDelivery": "tenants/dev/webhooks/none/deliveries/none",
        "model": "attacked",
    }


def test_a_neighbour_waits_little_and_the_memory_comes_back(service, stubs, names, neighbour: Neighbour) -> None:
    targets = [Target(stubs, method, names) for method in every_rpc()]
    for target in targets:
        target.send(target.request)  # what a service holds after ordinary requests is no harm
    neighbour.waits(ATTACK_SECONDS)
    at_rest = percentile(neighbour.waits(DOUBTFUL_SECONDS), 0.99)
    memory = Memory(service.pid)

    attacks = [
        attack(target, growable, memory, neighbour, MOST_WAIT * at_rest)
        for target in targets
        for growable in growable_fields(target.request.DESCRIPTOR)
    ]
    time.sleep(60)
    left = memory.now() - memory.rest

    report(attacks, at_rest, left)
    assert max(attack.peak_bytes for attack in attacks) <= MOST_PEAK_BYTES
    assert left <= MOST_LEFT_BYTES
    assert [attack for attack in attacks if attack.p99_seconds > MOST_WAIT * at_rest] == []


def attack(target: Target, growable: Growable, memory: Memory, neighbour: Neighbour, most_seconds: float) -> Attack:
    """Send a field at its largest size again and again while the neighbour works.

    Args:
        most_seconds: The longest wait that needs no longer attack.
    """
    size, outcomes = largest(target, growable)
    request = grown(target.request, growable, size)
    memory.forget_peak()
    with Repeating(lambda: target.send(request), threads=ATTACKERS):
        waits = neighbour.waits(ATTACK_SECONDS)
        if max(waits) > most_seconds:
            waits = neighbour.waits(DOUBTFUL_SECONDS)
    return Attack(
        field=f"{target.name} {growable}",
        size=size,
        code=outcomes[-1].code,
        p99_seconds=percentile(waits, 0.99),
        peak_bytes=memory.peak() - memory.rest,
    )


def report(attacks: list[Attack], at_rest: float, left: int) -> None:
    """Print the fields that cost most."""
    print(f"\nThe neighbour's p99 at rest {at_rest * 1000:.0f} ms; {left / 2**20:.0f} MiB left after a minute")
    print(f"{'field':60} {'size':>10} {'p99':>6} {'peak MiB':>9}")
    worst = sorted(attacks, key=lambda attack: -attack.p99_seconds)[:15]
    largest_peaks = sorted(attacks, key=lambda attack: -attack.peak_bytes)[:5]
    for shown in dict.fromkeys([*worst, *largest_peaks]):
        print(
            f"{shown.field:60} {shown.size:10,} {shown.p99_seconds / at_rest:5.1f}x {shown.peak_bytes / 2**20:9.0f}"
            f"  {shown.code.name}"
        )
