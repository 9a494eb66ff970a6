"""A tenant classifies with as many and as long labels as a request can hold, while another tenant works."""

from __future__ import annotations

import random
import string
import threading
import time
from collections.abc import Iterator
from typing import Any, Final

import grpc
import pytest

from factories.api import failure_of, refused
from factories.neighbours import Memory, Neighbour, Repeating, percentile
from factories.servers import RunningServer
from factories.service_process import ServiceProcess
from foreword.domain.experiment import MAX_LABEL_CHARACTERS, MAX_LABELS
from foreword.inference.labels.label_trie import MAX_NODES
from foreword.samples import load_rows
from foreword.v1 import inference_service_pb2

BASE: Final = "baseModels/foreword--starter"
WORDS: Final = sorted({word for row in load_rows("complaints") for word in row["input"].split()})
MIB: Final = 2**20


def long_labels(count: int, seed: int) -> list[str]:
    """Return different labels of ordinary words, each as long as a label can be."""
    generator = random.Random(seed)
    return [
        f"{number} {' '.join(generator.choices(WORDS, k=MAX_LABEL_CHARACTERS))}"[:MAX_LABEL_CHARACTERS].strip()
        for number in range(count)
    ]


def request(labels: list[str], **fields: Any) -> inference_service_pb2.ClassifyRequest:
    return inference_service_pb2.ClassifyRequest(model=BASE, text="Two screws are missing.", labels=labels, **fields)


SMALL: Final = request(["good", "bad"])


@pytest.fixture(scope="module")
def mallory(server: RunningServer) -> Any:
    return server.stubs(server.new_key("mallory"))


@pytest.fixture(scope="module")
def alice(server: RunningServer) -> Any:
    stubs = server.stubs(server.new_key("alice"))
    stubs.inference.Classify(SMALL)  # loads the model
    return stubs


def test_a_neighbour_is_answered_between_the_passes_over_many_labels(mallory, alice) -> None:
    answers: list[Any] = []
    large = threading.Thread(
        target=lambda: answers.append(mallory.inference.Classify(request(long_labels(100, seed=1)))), daemon=True
    )

    large.start()
    meanwhile = 0
    while large.is_alive():
        alice.inference.Classify(SMALL)
        meanwhile += 1

    [answer] = answers
    assert len(answer.label_probabilities) == 100
    # 100 labels of 200 characters have about 4,000 tokens, and the neighbour has a turn for each pass.
    assert meanwhile >= 4_000 // MAX_NODES // 2


def test_labels_with_more_tokens_than_a_request_may_score_are_refused(mallory) -> None:
    generator = random.Random(2)
    labels = ["".join(generator.choices(string.ascii_letters, k=MAX_LABEL_CHARACTERS)) for _ in range(MAX_LABELS)]

    failure = refused(mallory.inference.Classify, request(labels))

    assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
    assert failure.reason == "LABELS_TOO_LONG"
    assert "65,536 tokens" in failure.message
    assert "use fewer or shorter labels" in failure.message


def test_callers_that_leave_before_their_labels_are_scored_leave_the_engine_to_others(
    server: RunningServer, mallory, alice
) -> None:
    codes = []

    def impatient(seed: int) -> None:
        try:
            mallory.inference.Classify(request(long_labels(150, seed=seed)), timeout=0.2)
        except grpc.RpcError as error:
            codes.append(failure_of(error).code)

    threads = [threading.Thread(target=impatient, args=(seed,)) for seed in range(10, 18)]
    for thread in threads:
        thread.start()
    alice.inference.Classify(SMALL)
    for thread in threads:
        thread.join()

    assert set(codes) <= {grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.RESOURCE_EXHAUSTED}
    assert len(codes) == len(threads)
    until = time.monotonic() + 30
    while server.engine.load().queued_tokens and time.monotonic() < until:
        time.sleep(0.02)
    assert server.engine.load().queued_tokens == 0


@pytest.fixture
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A service in its own process, so that its memory is measured."""
    with ServiceProcess(tmp_path_factory.mktemp("labels") / "home") as running:
        yield running


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_a_neighbours_waits_and_the_memory_while_a_tenant_sends_the_largest_labels(service: ServiceProcess) -> None:
    mallory = service.stubs(service.new_key("mallory"))
    largest = request(long_labels(MAX_LABELS, seed=0))
    mallory.inference.Classify(request(long_labels(20, seed=1)))  # loads the model
    with Neighbour(service.endpoint, service.new_key("alice")) as alice:
        alice.waits(2)
        at_rest = percentile(alice.waits(20), 0.99)
        memory = Memory(service.pid)

        begin = time.perf_counter()
        mallory.inference.Classify(largest)
        alone = time.perf_counter() - begin
        with Repeating(lambda: mallory.inference.Classify(largest)):
            attacked = percentile(alice.waits(30), 0.99)

    def impatient() -> None:
        seeds.append(len(seeds))
        failure = refused(mallory.inference.Classify, request(long_labels(MAX_LABELS, seed=len(seeds))), timeout=1.0)
        assert failure.code in {grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.RESOURCE_EXHAUSTED}

    seeds: list[int] = []
    while len(seeds) < 40:
        with Repeating(impatient, threads=8):
            time.sleep(1)
    peak = memory.peak() - memory.rest
    time.sleep(60)
    left = memory.now() - memory.rest

    print(
        f"\n{MAX_LABELS:,} labels of {MAX_LABEL_CHARACTERS} characters take {alone:.1f} s alone; the neighbour's p99 "
        f"is {at_rest * 1000:.0f} ms at rest and {attacked * 1000:.0f} ms meanwhile; {len(seeds)} callers with "
        f"deadlines: peak {peak / MIB:.0f} MiB, after a minute {left / MIB:.0f} MiB above rest"
    )
    assert attacked <= 3 * at_rest
    assert peak <= 512 * MIB
    assert left <= 64 * MIB
