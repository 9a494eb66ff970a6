"""Completions and chat completions, driven by the official Python client."""

from __future__ import annotations

import json
import math

import openai
import pytest

from factories.api import LABELS, deployed, tuned_model
from factories.http import RunningHttp
from factories.servers import RunningServer
from foreword.client import Client, PromptExample, StructuredPrompt
from foreword.domain.tenant import Scope

BASE = "baseModels/foreword--starter"
TEXT = "Where are my two extra sheets?"
QUESTION = [{"role": "user", "content": TEXT}]


@pytest.fixture(scope="module")
def client(server: RunningServer):
    with Client(server.endpoint, "dev") as connected:
        yield connected


def test_a_chat_is_answered_as_the_service_answers_the_text(ai: openai.OpenAI, client: Client):
    expected = client.generate(BASE, TEXT, max_new_tokens=8)

    answer = ai.chat.completions.create(model=BASE, messages=QUESTION, max_completion_tokens=8)

    (choice,) = answer.choices
    assert (choice.message.role, choice.message.content) == ("assistant", expected.text)
    assert answer.model == BASE
    assert answer.system_fingerprint == expected.model_version
    assert answer.usage.prompt_tokens == expected.usage.input_tokens
    assert answer.usage.completion_tokens == expected.usage.generated_tokens
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_system_messages_instruct_and_earlier_turns_are_examples(ai: openai.OpenAI, client: Client):
    prompt = StructuredPrompt(
        instruction="Name the department.\n\nOne word.",
        examples=(PromptExample(input="A screw is missing.", output="Warehouse"),),
        input=TEXT,
    )
    messages = [
        {"role": "system", "content": "Name the department."},
        {"role": "developer", "content": [{"type": "text", "text": "One "}, {"type": "text", "text": "word."}]},
        {"role": "user", "content": "A screw is missing."},
        {"role": "assistant", "content": "Warehouse"},
        *QUESTION,
    ]

    answer = ai.chat.completions.create(model=BASE, messages=messages, max_tokens=6)

    expected = client.generate(BASE, prompt, max_new_tokens=6)
    assert answer.choices[0].message.content == expected.text
    assert answer.usage.prompt_tokens == expected.usage.input_tokens


def test_a_seed_repeats_an_answer_and_the_choices_of_one_request_differ(ai: openai.OpenAI):
    def texts() -> list[str]:
        answer = ai.chat.completions.create(model=BASE, messages=QUESTION, temperature=1.7, n=4, seed=-5, max_tokens=12)
        assert [choice.index for choice in answer.choices] == [0, 1, 2, 3]
        return [choice.message.content for choice in answer.choices]

    first = texts()

    assert first == texts()
    assert len(set(first)) > 1


def test_each_of_several_prompts_has_its_choices_in_order(ai: openai.OpenAI, client: Client):
    prompts = [TEXT, "The lid is broken."]

    answer = ai.completions.create(model=BASE, prompt=prompts, n=2, max_tokens=6)

    expected = [client.generate(BASE, text, max_new_tokens=6) for text in prompts]
    assert [choice.text for choice in answer.choices] == [result.text for result in expected for _ in range(2)]
    assert answer.usage.prompt_tokens == sum(result.usage.input_tokens for result in expected)


def test_a_stop_sequence_and_the_token_limit_end_an_answer(ai: openai.OpenAI, client: Client):
    whole = client.generate(BASE, "The weather is", max_new_tokens=24, min_new_tokens=24).text
    stop = whole.split()[1]

    limited = ai.completions.create(model=BASE, prompt="The weather is", max_tokens=1)
    free = ai.completions.create(model=BASE, prompt="The weather is", max_tokens=24)
    stopped = ai.completions.create(model=BASE, prompt="The weather is", max_tokens=24, stop=[stop])

    assert limited.choices[0].finish_reason == "length"
    assert stopped.choices[0].finish_reason == "stop"
    assert stopped.choices[0].text == free.choices[0].text.partition(stop)[0]


def test_log_probabilities_are_those_of_the_service(ai: openai.OpenAI, client: Client):
    from foreword.client import ReturnOptions

    options = ReturnOptions(generated_tokens=True, token_log_probabilities=True, top_n_tokens=3)
    expected = client.generate(BASE, TEXT, max_new_tokens=5, return_options=options)

    chat = ai.chat.completions.create(model=BASE, messages=QUESTION, max_tokens=5, logprobs=True, top_logprobs=3)
    text = ai.completions.create(model=BASE, prompt=TEXT, max_tokens=5, logprobs=3)

    found = chat.choices[0].logprobs.content
    tokens = expected.generated_tokens[: len(found)]
    assert len(found) >= len(expected.generated_tokens) - 1  # without the end token
    assert "".join(item.token for item in found).strip() == expected.text.strip()
    assert [item.logprob for item in found] == pytest.approx([token.log_probability for token in tokens], abs=1e-3)
    assert [len(item.top_logprobs) for item in found] == [3] * len(found)
    assert bytes(found[0].bytes).decode() == found[0].token
    assert text.choices[0].logprobs.tokens == [item.token for item in found]
    assert text.choices[0].logprobs.token_logprobs == [item.logprob for item in found]
    assert text.choices[0].logprobs.text_offset[0] == 0


def test_a_tuned_classifier_answers_with_its_labels_by_serving_name_and_by_its_own_name(
    http: RunningHttp, server: RunningServer
):
    stubs = server.stubs(key := server.new_key("labels"))
    deployed(server, stubs, "triage")
    name = tuned_model(server, stubs)
    fine_tuned = f"ft:foreword--starter:labels:any:{name.rsplit('/', 1)[1]}"
    with http.client(key) as ai:
        for model in ("triage", name, fine_tuned):
            answer = ai.chat.completions.create(model=model, messages=QUESTION)
            assert set(answer.choices[0].message.content.split(", ")) <= set(LABELS)
            assert answer.model == model
        listed = [model.id for model in ai.models.list()]
        assert {"triage", BASE} <= set(listed)
        assert fine_tuned.replace(":any:", "::") in listed
        for model in listed:
            assert ai.models.retrieve(model).id == model


def test_log_probabilities_of_a_classifier_are_those_of_its_label_sets(http: RunningHttp, server: RunningServer):
    key = server.new_key("label-sets")
    name = tuned_model(server, server.stubs(key))
    with Client(server.endpoint, key) as client:
        sets = client.classify(name, TEXT, top_n=3).label_sets
    options = {"model": name, "messages": QUESTION, "logprobs": True, "top_logprobs": 3}
    with http.client(key) as ai:
        answer = ai.chat.completions.create(**options)
        stream = list(ai.chat.completions.create(**options, stream=True))
        drawn = ai.completions.create(model=name, prompt=TEXT, logprobs=0, temperature=2, n=8, seed=1)

    (label,) = answer.choices[0].logprobs.content
    assert label.token == answer.choices[0].message.content == ", ".join(sets[0].labels)
    assert label.logprob == pytest.approx(math.log(sets[0].probability), abs=1e-3)
    assert [top.token for top in label.top_logprobs] == [", ".join(item.labels) for item in sets]
    assert stream[-1].choices[0].logprobs.content == [label]
    assert len({choice.text for choice in drawn.choices}) > 1
    for choice in drawn.choices:
        assert choice.logprobs.tokens == [choice.text]
        assert -50 < choice.logprobs.token_logprobs[0] <= 0


def test_models_of_another_tenant_do_not_exist(http: RunningHttp, server: RunningServer):
    stubs = server.stubs(server.new_key("owner"))
    name = tuned_model(server, stubs)
    with http.client(server.new_key("stranger")) as ai:
        for model in (name, f"ft:foreword--starter:owner::{name.rsplit('/', 1)[1]}", "nothing"):
            with pytest.raises(openai.NotFoundError) as caught:
                ai.chat.completions.create(model=model, messages=QUESTION)
            assert (caught.value.code, caught.value.param) == ("model_not_found", "model")
            with pytest.raises(openai.NotFoundError):
                ai.models.retrieve(model)


def test_a_stream_has_the_pieces_of_the_answer_and_its_counts(ai: openai.OpenAI):
    whole = ai.chat.completions.create(model=BASE, messages=QUESTION, max_tokens=12)

    stream = ai.chat.completions.create(
        model=BASE, messages=QUESTION, max_tokens=12, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)

    assert len({chunk.id for chunk in chunks}) == 1
    assert chunks[0].choices[0].delta.role == "assistant"
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert [chunk.choices[0].finish_reason for chunk in chunks[:-1]][-1] == whole.choices[0].finish_reason
    assert chunks[-1].usage == whole.usage
    assert [chunk.system_fingerprint for chunk in chunks if chunk.system_fingerprint] == [whole.system_fingerprint]
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_streamed_choices_are_those_of_a_whole_answer(ai: openai.OpenAI):
    options = {"model": BASE, "prompt": [TEXT, "Hello"], "n": 2, "temperature": 1.5, "seed": 3, "max_tokens": 8}
    whole = ai.completions.create(**options, logprobs=0)

    texts, tokens, ends = [""] * 4, [0] * 4, []
    for chunk in ai.completions.create(**options, logprobs=0, stream=True):
        for choice in chunk.choices:
            texts[choice.index] += choice.text
            tokens[choice.index] += len(choice.logprobs.tokens) if choice.logprobs else 0

        ends += [chunk.system_fingerprint] if chunk.choices[0].finish_reason else []

    assert ends == [whole.system_fingerprint] * 4
    assert texts == [choice.text for choice in whole.choices]
    assert tokens == [len(choice.logprobs.tokens) for choice in whole.choices]


def test_a_stream_that_cannot_begin_has_the_status_of_its_error(ai: openai.OpenAI):
    with pytest.raises(openai.NotFoundError):
        ai.chat.completions.create(model="nothing", messages=QUESTION, stream=True)


UNSUPPORTED = {
    "frequency_penalty": 0.5,
    "presence_penalty": -1,
    "logit_bias": {"5": 1},
    "tools": [{"type": "function", "function": {"name": "f"}}],
    "tool_choice": "required",
    "response_format": {"type": "json_object"},
    "store": True,
    "reasoning_effort": "high",
    "modalities": ["audio"],
    "top_k": 3,
    "n": 0,
    "temperature": 2.5,
    "top_p": "1",
    "max_tokens": 0,
    "max_completion_tokens": True,
    "seed": 1.5,
    "stop": 1,
    "logprobs": 1,
    "top_logprobs": 2,
    "stream_options": {"include_usage": True},
    "stream": "yes",
    "user": 7,
    "safety_identifier": ["x"],
    "prompt_cache_key": {},
    "metadata": {"team": "x"},
    "model": 7,
    "messages": "hello",
}


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_what_cannot_be_honoured_is_refused_by_name(http: RunningHttp, name: str):
    body = {"model": BASE, "messages": QUESTION, name: UNSUPPORTED[name]}

    status, error = http.refused("POST", "/v1/chat/completions", body)

    assert status == 400
    assert error["param"] == name
    assert error["message"].startswith(name)
    assert error["type"] == "invalid_request_error"


@pytest.mark.parametrize("stream", [False, True])
def test_a_prompt_that_the_service_refuses_has_the_name_of_its_parameter(http: RunningHttp, stream: bool):
    for path, prompt in (
        ("chat/completions", {"messages": [{"role": "user", "content": "x" * 1_000_001}]}),
        ("completions", {"prompt": "x" * 1_000_001}),
    ):
        _, error = http.refused("POST", f"/v1/{path}", {"model": BASE, "stream": stream, **prompt})

        assert error["param"] == ("prompt" if "prompt" in prompt else "messages[0].content")
        assert error["message"].startswith(f"{error['param']}: ")


def test_long_prompts_are_not_sent_once_for_each_of_many_choices(http: RunningHttp):
    given = {"model": BASE, "n": 128, "max_tokens": 1}
    messages = [{"role": "system", "content": "x"}, {"role": "user", "content": "x" * 200_000}]
    for path, prompt in (("chat/completions", {"messages": messages}), ("completions", {"prompt": "x" * 200_000})):
        status, error = http.refused("POST", f"/v1/{path}", {**given, **prompt})

        assert (status, error["param"]) == (400, "n")
        assert "at most 83" in error["message"]


@pytest.mark.parametrize(
    ("messages", "param"),
    [
        ([], "messages"),
        ([{"role": "assistant", "content": "x"}], "messages[0].role"),
        ([*QUESTION, *QUESTION], "messages[1].role"),
        ([*QUESTION, {"role": "assistant", "content": "x"}], "messages"),
        ([*QUESTION, {"role": "system", "content": "x"}], "messages[1].role"),
        ([{"role": "tool", "content": "x"}], "messages[0].role"),
        ([{"role": "user", "content": 5}], "messages[0].content"),
        ([{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}], "messages[0].content[0].type"),
        ([{"role": "user", "content": "x", "name": "bob"}], "messages[0].name"),
        ([{"role": "user", "content": "x", "weight": 1}], "messages[0].weight"),
        (["x"], "messages[0]"),
        ([{"role": "user", "content": ""}], None),
    ],
)
def test_messages_that_are_no_prompt_are_refused_with_their_place(http: RunningHttp, messages, param):
    status, error = http.refused("POST", "/v1/chat/completions", {"model": BASE, "messages": messages})

    assert status == 400
    if param is not None:
        assert error["param"] == param


def test_limits_of_the_service_are_named_like_the_parameters_of_the_request(http: RunningHttp):
    body = {"model": BASE, "messages": QUESTION, "max_tokens": 100_000, "stop": ["x" * 50]}

    _, error = http.refused("POST", "/v1/chat/completions", body)

    assert error["param"] in ("max_tokens", "stop[0]")
    assert "parameters." not in error["message"]


@pytest.mark.parametrize(
    ("changes", "param", "problem"),
    [
        ({"messages": [{"role": "user", "content": " "}]}, "messages[0].content", "must not be empty"),
        (
            {"messages": [{"role": "system", "content": "Sort."}, {"role": "user", "content": ""}]},
            "messages[1].content",
            "must not be empty",
        ),
        (
            {
                "messages": [
                    {"role": "system", "content": "Sort."},
                    {"role": "user", "content": "a"},
                    {"role": "assistant", "content": "b\0"},
                    *QUESTION,
                ]
            },
            "messages[2].content",
            "must not contain the NUL character",
        ),
        (
            {"messages": [{"role": "system", "content": "Sort."}, {"role": "user", "content": "b\0"}]},
            "messages[1].content",
            "must not contain",
        ),
        ({"stop": ["a", 1]}, "stop[1]", "must be a string, not 1"),
        ({"stop": {}}, "stop", "must be a string or a list of strings, not an object"),
        ({"seed": 2**63}, "seed", "must be in [-9223372036854775808, 9223372036854775807]"),
    ],
)
def test_a_value_within_a_parameter_is_named_by_its_place(
    http: RunningHttp, changes: dict[str, object], param: str, problem: str
):
    _, error = http.refused("POST", "/v1/chat/completions", {"model": BASE, "messages": QUESTION, **changes})

    assert error["param"] == param
    assert error["message"].startswith(f"{param}: {problem}")


def test_a_key_without_the_scope_is_told_so(http: RunningHttp, server: RunningServer):
    with http.client(server.new_key("readers", (Scope.READ,))) as ai:
        assert BASE in [model.id for model in ai.models.list()]
        with pytest.raises(openai.PermissionDeniedError, match="infer"):
            ai.chat.completions.create(model=BASE, messages=QUESTION)


def test_embeddings_are_refused_by_name(ai: openai.OpenAI):
    with pytest.raises(openai.NotFoundError, match="Embeddings cannot be honoured"):
        ai.embeddings.create(model=BASE, input="x")


def test_events_have_the_form_that_browsers_read(http: RunningHttp):
    body = {"model": BASE, "messages": QUESTION, "max_tokens": 3, "stream": True}

    answer = http.send("POST", "/v1/chat/completions", body)

    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    events = answer.body.decode().split("\n\n")
    assert events[-2:] == ["data: [DONE]", ""]
    assert all(json.loads(event.removeprefix("data: ")) for event in events[:-2])
