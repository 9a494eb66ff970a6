from datetime import UTC, datetime

import pytest

from foreword.client import Client, PromptExample, ReturnOptions, Stage, StructuredPrompt, TaskOptions
from foreword.client.message import build
from foreword.domain.tenant import Scope
from foreword.errors import InvalidArgumentError
from foreword.v1 import inference_pb2, inference_service_pb2, tenant_pb2

BROKEN = "a\udcff"


@pytest.fixture(scope="module")
def client():
    """Talks to nobody: what is wrong here never leaves the machine."""
    with Client("127.0.0.1:1", "key", timeout_seconds=0.2) as made:
        made._tenant = "tenants/a"
        yield made


def fields(raised):
    return [item.field for item in raised.value.violations]


def test_what_fits_is_set_and_none_stays_unset():
    message = build(inference_service_pb2.ClassifyRequest, labels=iter(["a", "b"]), threshold=None, top_n=3)

    assert (list(message.labels), message.HasField("threshold"), message.top_n) == (["a", "b"], False, 3)
    time = datetime(2026, 1, 1, tzinfo=UTC)
    assert build(tenant_pb2.ApiKey, expire_time=time).expire_time.ToDatetime(UTC) == time


def test_every_value_that_does_not_fit_is_named():
    with pytest.raises(InvalidArgumentError) as raised:
        build(inference_pb2.GenerateParameters, "parameters", top_k="x", temperature=[], stop_sequences="abc")

    assert fields(raised) == ["parameters.top_k", "parameters.temperature", "parameters.stop_sequences"]
    assert [item.description for item in raised.value.violations] == [
        "must be a whole number below 2^31, not 'x'",
        "must be a number, not []",
        "must be a list, not 'abc'; write ['abc'] for a single item",
    ]


@pytest.mark.parametrize(
    ("field", "call"),
    [
        ("text", lambda c: c.generate("m", BROKEN)),
        ("text", lambda c: list(c.stream_generate("m", BROKEN))),
        ("text", lambda c: c.tokenize("m", BROKEN)),
        ("prompt", lambda c: c.generate("m", 3)),
        ("prompts", lambda c: c.batch_generate("m", "text")),
        ("requests[1].prompt", lambda c: c.batch_generate("m", ["a", 3])),
        ("requests[1].text", lambda c: c.batch_generate("m", ["a", BROKEN])),
        ("requests[0].prompt_variables.a", lambda c: c.batch_generate("m", ["a"], prompt_variables=[{"a": 3}])),
        ("prompt_variables.a", lambda c: c.classify("m", "a", prompt_variables={"a": BROKEN})),
        ("prompt_variables", lambda c: c.tokenize("m", "a", prompt_variables="a")),
        ("truncate_input_tokens", lambda c: c.classify("m", "a", truncate_input_tokens=2**40)),
        ("parameters.time_limit", lambda c: c.generate("m", "a", time_limit=3)),
        (
            "parameters.return_options.top_n_tokens",
            lambda c: c.generate("m", "a", return_options=ReturnOptions(top_n_tokens="x")),
        ),
        ("structured.examples[0].output", lambda c: c.generate("m", prompt_with_output(BROKEN))),
        ("model", lambda c: c.generate(BROKEN, "a")),
        ("model", lambda c: c.generate("", "a")),
        ("model", lambda c: c.generate(3, "a")),
        ("top_n", lambda c: c.classify("m", "a", top_n=2**40)),
        ("threshold", lambda c: c.classify("m", "a", threshold="x")),
        ("labels", lambda c: c.classify("m", "a", labels=[1])),
        ("labels", lambda c: c.classify("m", "a", labels="AB")),
        ("labels", lambda c: c.classify("m", "a", labels=["a", BROKEN])),
        ("parameters.stop_sequences", lambda c: c.generate("m", "a", stop_sequences="abc")),
        ("revision", lambda c: c.rollback_deployment("d", revision=2**40)),
        ("rows[1]", lambda c: c.check_dataset(["text"])),
        ("rows", lambda c: c.check_dataset(123)),
        ("rows[1]", lambda c: c.check_dataset([{("a",): 1}])),
        ("header.max_input_tokens", lambda c: c.check_dataset([], max_input_tokens=2**40)),
        ("task_options.labels", lambda c: c.check_dataset([], task_options=TaskOptions(labels="AB"))),
        (
            "tune_experiment.parameters.method_parameters",
            lambda c: c.tune([{"input": "a", "output": "b"}], method_parameters={"a": object()}),
        ),
        ("tune_experiment.parameters.batch_size", lambda c: c.tune([], batch_size="many")),
        ("tune_experiment.description", lambda c: c.create_tune_experiment("d", display_name="e", description=BROKEN)),
        ("tune_experiment.tags.team", lambda c: c.tune([], tags={"team": 3})),
        ("tune_experiment.tags.team", lambda c: c.update_tune_experiment("e", tags={"team": BROKEN})),
        ("tune_sweep.tune_experiment.tags", lambda c: c.sweep([], tags="team=a")),
        ("tuned_model.tags", lambda c: c.update_tuned_model("m", tags=["team"])),
        ("filter", lambda c: c.list_tune_experiments(filter=["state = QUEUED"])),
        ("view", lambda c: c.list_tune_experiments(view="all")),
        ("space.stage", lambda c: c.create_space("s", stage="moon")),
        ("space.tags", lambda c: c.create_space("s", tags="abc")),
        ("deployment.tags", lambda c: c.update_deployment("d", tags="abc")),
        ("deployment.serving_name", lambda c: c.create_deployment("m", serving_name=3)),
        ("api_key.scopes", lambda c: c.create_api_key("a", scopes=[])),
        ("api_key.scopes", lambda c: c.create_api_key("a", scopes="read")),
        ("api_key.expire_time", lambda c: c.create_api_key("a", expire_time="tomorrow")),
        ("tenant", lambda c: c.create_api_key("")),
        ("dataset", lambda c: c.get_dataset("")),
        ("tuned_model", lambda c: c.get_tuned_model(" ")),
        ("deployment", lambda c: c.get_deployment(None)),
        ("base_model", lambda c: c.get_base_model("")),
    ],
)
def test_what_cannot_be_sent_is_an_invalid_argument_with_its_field(client, field, call):
    with pytest.raises(InvalidArgumentError) as raised:
        call(client)

    assert fields(raised) == [field]


def prompt_with_output(output):
    return StructuredPrompt(input="a", examples=(PromptExample(input="b", output=output),))


def test_an_empty_name_is_refused(client):
    with pytest.raises(InvalidArgumentError, match="tuned_model: must not be empty; pass the name of a tuned model"):
        client.get_tuned_model("")


def test_enums_may_be_given_by_value(client):
    from foreword.client.message import enum_name

    assert enum_name("s", Scope, "read", "SCOPE") == enum_name("s", Scope, Scope.READ, "SCOPE") == "SCOPE_READ"
    assert enum_name("s", Stage, "production", "STAGE") == "STAGE_PRODUCTION"
