"""A tenant sends templates, prefixes and variables that multiply a text, while another tenant works.

The server runs in its own process, so that its memory and its processor time are measured.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from sqlalchemy import select

from factories.api import experiment_request, failure_of, make_file, to_jsonl, tuned_model, upload
from factories.neighbours import Memory, Repeating
from factories.servers import ServerFactory
from factories.service_process import ServiceProcess
from foreword.storage.tables import TunedModelRow
from foreword.v1 import inference_service_pb2 as pb2

BASE = "baseModels/foreword--starter"
CALLERS = 4
MOST_GROWTH_BYTES = 100 * 2**20
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


@pytest.fixture(scope="module")
def alice(service: ServiceProcess) -> Callable[[], None]:
    """Another tenant's classification of a text, made once so that the model is loaded."""
    classify = service.stubs(service.new_key("alice")).inference.Classify
    request = pb2.ClassifyRequest(model=BASE, text="Two screws are missing", labels=["Warehouse", "Service"])

    def work() -> None:
        assert classify(request).labels

    work()
    return work


def attack(service: ServiceProcess, alice: Callable[[], None], call: Callable[[], Any]) -> list[Any]:
    """Make a call from several threads at once while the other tenant works. Return how the calls ended.

    The memory and the processor time of the server are checked; the other tenant's calls are all answered.
    """
    outcomes: list[Any] = []

    def send() -> None:
        try:
            outcomes.append(call())
        except grpc.RpcError as error:
            outcomes.append(failure_of(error))

    memory, cpu = Memory(service.pid), service.cpu_seconds()
    memory.forget_peak()
    with Repeating(alice, pause_seconds=0.02) as neighbour:
        threads = [threading.Thread(target=send) for _ in range(CALLERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    alice()
    paid = service.cpu_seconds() - cpu - (len(neighbour.seconds) + 1) * CPU_SECONDS_PER_CLASSIFY
    assert memory.peak() - memory.rest < MOST_GROWTH_BYTES
    assert paid < MOST_CPU_SECONDS
    return outcomes


@pytest.mark.parametrize("name", PROMPTS)
def test_a_prompt_that_multiplies_is_refused_at_once(
    service: ServiceProcess, mallory: Any, alice: Callable[[], None], name: str
) -> None:
    request = pb2.GenerateRequest(model=BASE, **PROMPTS[name])

    failures = attack(service, alice, lambda: mallory.inference.Generate(request))

    assert {failure.code for failure in failures} == {grpc.StatusCode.INVALID_ARGUMENT}
    assert all(len(failure.message) <= 500 for failure in failures)


def test_a_stored_template_that_multiplies_is_bounded(
    service: ServiceProcess, mallory: Any, alice: Callable[[], None], old_model: str
) -> None:
    request = pb2.ClassifyRequest(model=old_model, text="x" * 1_000_000)

    failures = attack(service, alice, lambda: mallory.inference.Classify(request))

    assert {failure.reason for failure in failures} == {"TEXT_TOO_LONG"}
    assert mallory.inference.Tokenize(pb2.TokenizeRequest(model=old_model, text="x")).token_count > 100


def test_a_template_that_repeats_the_input_is_refused(
    service: ServiceProcess, mallory: Any, alice: Callable[[], None]
) -> None:
    dataset = upload(mallory, make_file(360)).name
    request = experiment_request(dataset, verbalizer="{{input}}" * 2_222, validate_only=True)

    failures = attack(service, alice, lambda: mallory.experiments.CreateTuneExperiment(request))

    assert {tuple(failure.violations) for failure in failures} == {("tune_experiment.verbalizer",)}
    assert "the second time at character 10; keep one of them" in failures[0].message


def test_the_longest_template_is_refused_before_the_rows_are_tokenized(
    service: ServiceProcess, mallory: Any, alice: Callable[[], None]
) -> None:
    dataset = upload(mallory, make_file(6_500)).name
    request = experiment_request(dataset, verbalizer="go on " * 3_331 + "{{input}}", validate_only=True)

    failures = attack(service, alice, lambda: mallory.experiments.CreateTuneExperiment(request))

    assert {tuple(failure.violations) for failure in failures} == {("tune_experiment.parameters.max_input_tokens",)}


def test_a_plan_ends_when_its_caller_goes(service: ServiceProcess, mallory: Any, alice: Callable[[], None]) -> None:
    rows = [{"input": f"Complaint {number}: " + "parts are missing " * 12, "output": "x"} for number in range(12_000)]
    dataset = upload(mallory, to_jsonl(rows)).name
    request = experiment_request(dataset, task="generation", validate_only=True)
    begin = service.cpu_seconds()
    mallory.experiments.CreateTuneExperiment(request)
    whole = service.cpu_seconds() - begin

    begin = service.cpu_seconds()
    failures = attack(service, alice, lambda: mallory.experiments.CreateTuneExperiment(request, timeout=0.5))
    quiet = settled_cpu_seconds(service) - begin

    assert {failure.code for failure in failures} == {grpc.StatusCode.DEADLINE_EXCEEDED}
    assert quiet < CALLERS * whole / 2


def settled_cpu_seconds(service: ServiceProcess) -> float:
    """Return the processor time of the server when it has nothing more to do."""
    before = service.cpu_seconds()
    while True:
        time.sleep(1.0)
        now = service.cpu_seconds()
        if now - before < 0.2:
            return now
        before = now
