"""No error and no log line holds more than a short piece of a caller's text, whatever field the text is in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import grpc
import pytest
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor

from factories.api import to_jsonl, upload, upload_messages
from factories.blown_up import growable_fields, with_text
from factories.rpcs import every_rpc
from factories.service_process import ServiceProcess
from factories.targets import BASE, Outcome, Target
from foreword.v1 import dataset_service_pb2

METHODS = [pytest.param(method, id=method.name) for method in every_rpc()]
FAULTS = {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.UNIMPLEMENTED}
MARK = "Zq7"
LONGEST_QUOTE = 130
"""Characters of a caller's text in an error: 80 of most texts, and 128 of a name."""
MAX_TEXT_BYTES = 2_048
LONG = MARK * 10_000
HOSTILE = {
    "long": LONG,
    "name": f"tenants/dev/datasets/{MARK * 1_000}",
    "model": f"baseModels/{MARK * 1_000}",
    "variable": "{{" + MARK * 5_000 + "}}",
    "lines": f"{MARK * 100}\n" * 200,
    "controls": f"{MARK}\x1b\u202e" * 2_000,
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    with ServiceProcess(tmp_path_factory.mktemp("errors") / "home") as running:
        yield running


@pytest.fixture(scope="module")
def stubs(service: ServiceProcess) -> Any:
    return service.stubs("dev")


@pytest.fixture(scope="module")
def names(stubs: Any) -> Mapping[str, str]:
    """Names for well-formed requests. Only what such a request needs exists."""
    tenant = "tenants/dev"
    return {
        "Tenant": tenant,
        "Space": f"{tenant}/spaces/default",
        "BaseModel": BASE,
        "Deployment": f"{tenant}/spaces/default/deployments/none",
        "TunedModel": f"{tenant}/tunedModels/none",
        "Dataset": upload(stubs).name,
        "TuneExperiment": f"{tenant}/tuneExperiments/none",
        "SecondTuneExperiment": f"{tenant}/tuneExperiments/none-either",
        "TuneSweep": f"{tenant}/tuneSweeps/none",
        "Evaluation": f"{tenant}/evaluations/none",
        "BatchJob": f"{tenant}/batchJobs/none",
        "Quota": f"{tenant}/quota",
        "SavedPrompt": f"{tenant}/savedPrompts/none",
        "Webhook": f"{tenant}/webhooks/none",
        "WebhookDelivery": f"{tenant}/webhooks/none/deliveries/none",
        "model": BASE,
    }


def longest_quote(text: str) -> int:
    return max((len(found) for found in re.findall(rf"(?:{MARK})+", text)), default=0)


def check(outcome: Outcome) -> None:
    """Check what an error quotes."""
    assert outcome.code not in FAULTS, outcome.message
    check_texts((outcome.message, *outcome.violations, *outcome.violations.values()))


def check_texts(texts: Iterable[str]) -> None:
    for text in texts:
        assert len(text.encode()) <= MAX_TEXT_BYTES
        assert longest_quote(text) <= LONGEST_QUOTE, text


@pytest.mark.parametrize("method", METHODS)
def test_an_error_quotes_little_of_a_text_in_any_field(
    service: ServiceProcess, stubs: Any, names: Mapping[str, str], method: MethodDescriptor
) -> None:
    target = Target(stubs, method, names)
    fields = list(growable_fields(method.input_type))
    for growable in fields:
        check(target.send(with_text(target.request, growable, LONG)))
    for text in HOSTILE.values():
        together = message_factory.GetMessageClass(method.input_type)()
        for growable in fields:
            together = with_text(together, growable, text)
        check(target.send(together))

    check_texts(service.log.splitlines())


FILES = {
    "labels": to_jsonl([{"input": f"{number} {LONG}", "output": f"{LONG}, {number % 2}"} for number in range(20)]),
    "alike": to_jsonl([{"input": f"{number}", "output": f"{LONG}{number % 2}"} for number in range(20)]),
    "keys": to_jsonl([{"input": "x", LONG: "y"}, {"Input": "x", "output": "y", LONG: "z"}]),
    "no JSON": f"{LONG}\n{{'{LONG}': 1}}\n".encode(),
    "columns": f"{LONG};{LONG}x\na;b\n".encode(),
    "repeated": to_jsonl([{"input": LONG, "output": LONG}, {"input": LONG, "output": f"{LONG}x"}] * 10),
}


@pytest.mark.parametrize("task", ["", "classification", "generation"])
@pytest.mark.parametrize("name", FILES)
def test_an_error_about_a_file_quotes_little_of_it(service: ServiceProcess, stubs: Any, name: str, task: str) -> None:
    options = {"task": task, "task_options": {"labels": ["a", "b"]} if task == "classification" else None}
    try:
        stubs.datasets.UploadDataset(upload_messages(FILES[name], chunk_bytes=500_000, **options))
    except grpc.RpcError as error:
        check_texts([str(error.details())])
    checks = upload_messages(FILES[name], dataset_service_pb2.CheckDatasetRequest, 500_000, base_model=BASE, **options)
    findings = stubs.datasets.CheckDataset(checks).report.findings

    check_texts(finding.message + "|" + finding.remedy for finding in findings)
    check_texts(service.log.splitlines())
