"""A tenant sends templates, prefixes and variables that multiply a text, while another tenant works.

The server runs in its own process, so that its memory and its processor time are measured.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from sqlalchemy import select

from factories.api import experiment_request, failure_of, make_file, tuned_model, upload
from factories.servers import ServerFactory
from factories.service_process import ServiceProcess
from foreword.storage.tables import TunedModelRow
from foreword.v1 import inference_service_pb2 as pb2

BASE = "baseModels/foreword--starter"
CALLERS = 4
MOST_GROWTH_MIB = 100.0
MOST_CPU_SECONDS = 4.0
CPU_SECONDS_PER_CLASSIFY = 0.2
LONG = "y" * 900_000
USES = "{{a}}" * 190_000
EXAMPLE = {"input": "a", "output": "b"}

PROMPTS: dict[str, dict[str, Any]] = {
    "value in a text": {"text": USES, "prompt_variables": {"a": LONG}},
    "value in a part": {"structured": {"input": "x", "instruction": USES}, "prompt_variables": {"a": LONG}},
    "value in an unused prefix": {
        "structured": {"input": "{{a}}", "input_prefix": USES}, "prompt_variables": {"a": LONG},
    },
    "prefix before examples": {"structured": {"input": "x", "input_prefix": LONG, "examples": [EXAMPLE] * 1_000}},
    "variables without values": {
        "text": "".join(f"{{{{v{number:06}}}}}" for number in range(90_000)), "prompt_variables": {"a": "x"},
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("templates") / "home"


@pytest.fixture(scope="module")
def old_model(home: Path, start_server: ServerFactory) -> str:
    """A tuned model whose template repeats the input, stored before such templates were refused."""
    earlier = start_server(home=home)
    name = tuned_model(earlier, earlier.stubs(earlier.new_key("mallory")))
    with earlier.database.write() as session:
        row = session.scalars(select(TunedModelRow)).one()
        row.manifest = {**row.manifest, "verbalizer": "{{input}}" * 400}
    earlier.stop()
    return name


@pytest.fixture(scope="module")
def service(home: Path, old_model: str) -> Iterator[ServiceProcess]:
    with ServiceProcess(home) as running:
        yield running


@pytest.fixture(scope="module")
def mallory(service: ServiceProcess) -> Any:
    return service.stubs(service.new_key("mallory"))


class Neighbour:
    """A tenant that classifies a text again and again and notes how long each call takes."""

    def __init__(self, service: ServiceProcess) -> None:
        self._stubs = service.stubs(service.new_key("alice"))
        self._stop = threading.Event()
        self.seconds: list[float] = []
        self.classify()

    def classify(self) -> None:
        begin = time.monotonic()
        request = pb2.ClassifyRequest(model=BASE, text="Two screws are missing", labels=["Warehouse", "Service"])
        assert self._stubs.inference.Classify(request).labels
        self.seconds.append(time.monotonic() - begin)

    @contextmanager
    def working(self) -> Iterator[None]:
        self.seconds.clear()
        self._stop.clear()
        thread = threading.Thread(target=self._work)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    def _work(self) -> None:
        while not self._stop.wait(0.02):
            self.classify()


@pytest.fixture(scope="module")
def alice(service: ServiceProcess) -> Neighbour:
    return Neighbour(service)


def attack(service: ServiceProcess, alice: Neighbour, call: Callable[[], Any], callers: int = CALLERS) -> list[Any]:
    """Make a call from several threads at once while the neighbour works. Return how the calls ended.

    The memory and the processor time of the server are checked; the neighbour's calls are all answered.
    """
    outcomes: list[Any] = []

    def send() -> None:
        try:
            outcomes.append(call())
        except grpc.RpcError as error:
            outcomes.append(failure_of(error))

    rest, cpu = service.memory_mib, service.cpu_seconds()
    service.reset_peak()
    with alice.working():
        threads = [threading.Thread(target=send) for _ in range(callers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        alice.classify()
    neighbour = len(alice.seconds) * CPU_SECONDS_PER_CLASSIFY
    assert service.peak_mib - rest < MOST_GROWTH_MIB
    assert service.cpu_seconds() - cpu - neighbour < MOST_CPU_SECONDS
    return outcomes


@pytest.mark.parametrize("name", PROMPTS)
def test_a_prompt_that_multiplies_is_refused_at_once(
    service: ServiceProcess, mallory: Any, alice: Neighbour, name: str
) -> None:
    request = pb2.GenerateRequest(model=BASE, **PROMPTS[name])

    failures = attack(service, alice, lambda: mallory.inference.Generate(request))

    assert {failure.code for failure in failures} == {grpc.StatusCode.INVALID_ARGUMENT}
    assert all(len(failure.message) <= 500 for failure in failures)


def test_a_stored_template_that_multiplies_is_bounded(
    service: ServiceProcess, mallory: Any, alice: Neighbour, old_model: str
) -> None:
    request = pb2.ClassifyRequest(model=old_model, text="x" * 1_000_000)

    failures = attack(service, alice, lambda: mallory.inference.Classify(request))

    assert {failure.reason for failure in failures} == {"TEXT_TOO_LONG"}
    assert mallory.inference.Tokenize(pb2.TokenizeRequest(model=old_model, text="x")).token_count > 100


def test_a_template_that_repeats_the_input_is_refused(service: ServiceProcess, mallory: Any, alice: Neighbour) -> None:
    dataset = upload(mallory, make_file(360)).name
    request = experiment_request(dataset, verbalizer="{{input}}" * 2_222, validate_only=True)

    failures = attack(service, alice, lambda: mallory.experiments.CreateTuneExperiment(request))

    assert {tuple(failure.violations) for failure in failures} == {("tune_experiment.verbalizer",)}
    assert "the second time at character 10; keep one of them" in failures[0].message


def test_the_longest_template_is_refused_before_the_rows_are_tokenized(
    service: ServiceProcess, mallory: Any, alice: Neighbour
) -> None:
    dataset = upload(mallory, make_file(6_500)).name
    request = experiment_request(dataset, verbalizer="go on " * 3_331 + "{{input}}", validate_only=True)

    failures = attack(service, alice, lambda: mallory.experiments.CreateTuneExperiment(request))

    assert {tuple(failure.violations) for failure in failures} == {("tune_experiment.parameters.max_input_tokens",)}
