"""The parts of the prompt lab that need no service."""

from __future__ import annotations

import ast
import asyncio
import json
import shlex
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from foreword.client import (
    GeneratePiece,
    GenerateResult,
    PromptExample,
    PromptVariable,
    Row,
    SavedPromptVersion,
    StopReason,
    StructuredPrompt,
    TokenUsage,
)
from foreword.errors import NotFoundError
from foreword.http.studio.lab.answers import Outcome, Question, answers
from foreword.http.studio.lab.code import filled_prompt_length, snippets
from foreword.http.studio.lab.faults import MOST_SENTENCES, Faults
from foreword.http.studio.lab.models import LabModel
from foreword.http.studio.lab.over_rows import answers_over, questions_over
from foreword.http.studio.lab.prompt import Column, LabPrompt, parse_variables

INSTRUCTED = StructuredPrompt(instruction="Name the {{ what }}.", input="")
HOSTILE = "'; rm -rf / #\n\"$(reboot)` \\ {{x}} \u202e"


def question(prompt: str | StructuredPrompt, *, closed: bool = False, **values: Any) -> Question:
    model = LabModel(name="complaints", title="complaints", kind="deployment", closed=closed)
    return Question(model=model, prompt=prompt, variables=None, values=values)


def version(prompt: str | StructuredPrompt) -> SavedPromptVersion:
    named = "input" if isinstance(prompt, str) else "what"
    default = None if isinstance(prompt, str) else "team"
    return SavedPromptVersion(
        name="tenants/acme/savedPrompts/triage/versions/1",
        number=1,
        prompt=prompt,
        variables=(PromptVariable(name=named, default_value=default),),
        parameters={},
        model="",
        note="",
        creator="k",
        create_time=None,
    )


def codes(asked: Question) -> dict[str, str]:
    return dict(snippets(asked, "127.0.0.1:50051", "http://127.0.0.1:8051"))


@pytest.mark.parametrize("text", [HOSTILE, "-- --help", "@/etc/passwd", "plain"])
def test_texts_are_quoted_for_each_language(text: str) -> None:
    prompt = StructuredPrompt(instruction=text, examples=(PromptExample(input=text, output=text),), input=text)

    code = codes(question(prompt, stop_sequences=[text], temperature=0.5))

    [assigned] = [node for node in ast.walk(ast.parse(code["Python"])) if isinstance(node, ast.Assign)][:1]
    assert [node.value for node in ast.walk(assigned) if isinstance(node, ast.Constant)] == [text] * 4
    command = shlex.split(code["Command line"].replace("\\\n", ""))
    assert command[-3:] == ["--", "complaints", text]
    assert command[command.index("--example") + 1 :][:2] == [text, text]
    assert command[command.index("--stop") + 1] == text
    for name, path in (("grpcurl", "structured"), ("curl, OpenAI’s shape", "messages")):
        parts = shlex.split(code[name].replace("\\\n", ""))
        body = json.loads(parts[parts.index("-d") + 1])
        assert body[path] in (
            {"instruction": text, "examples": [{"input": text, "output": text}], "input": text},
            [
                {"role": "system", "content": text},
                {"role": "user", "content": text},
                {"role": "assistant", "content": text},
                {"role": "user", "content": text},
            ],
        )


def test_parameters_have_the_form_of_each_interface() -> None:
    values = {
        "decoding_method": "sample",
        "top_k": 5,
        "random_seed": 7,
        "include_stop_sequence": True,
        "length_penalty.decay_factor": 1.1,
        "time_limit": 2.5,
        "threshold": 0.5,
    }
    code = codes(question("Hello", **values))

    assert "time_limit=timedelta(seconds=2.5)" in code["Python"]
    assert "LengthPenalty(decay_factor=1.1, start_index=0)" in code["Python"]
    assert "--sample" in code["Command line"]
    assert "--seed 7" in code["Command line"]
    assert "--include-stop-sequence" in code["Command line"]
    sent = shlex.split(code["grpcurl"].replace("\\\n", ""))
    assert json.loads(sent[sent.index("-d") + 1])["parameters"] == {
        "decoding_method": "DECODING_METHOD_SAMPLE",
        "top_k": 5,
        "random_seed": 7,
        "include_stop_sequence": True,
        "length_penalty": {"decay_factor": 1.1},
        "time_limit": "2.5s",
    }
    assert "has no place for top_k, include_stop_sequence" in code["curl, OpenAI’s shape"]
    assert all("threshold" not in code[name] for name in ("Python", "Command line", "grpcurl"))


def test_a_classifier_is_asked_to_classify() -> None:
    code = codes(question("Hello", closed=True, threshold=0.65, max_new_tokens=3))

    assert "client.classify(" in code["Python"]
    assert "threshold=0.65" in code["Python"]
    assert "max_new_tokens" not in code["Python"]
    assert code["Command line"].startswith("foreword classify")
    assert code["grpcurl"].endswith("InferenceService/Classify")


class Models:
    """Models that answer in pieces, when they are told to."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.closed: list[str] = []

    async def stream_generate(self, model: str, prompt: Any, **_: Any) -> AsyncGenerator[GeneratePiece]:
        try:
            if model == "missing":
                raise NotFoundError.of("missing", "Check the name.")
            yield GeneratePiece(text="one ")
            await self.go.wait()
            for _ in range(20):
                yield GeneratePiece(text="x")
            yield GeneratePiece(text="", result=_result(f"one {'x' * 20}"))
        finally:
            self.closed.append(model)


def _result(text: str) -> GenerateResult:
    usage = TokenUsage(input_tokens=1, generated_tokens=2, soft_prompt_tokens=0)
    return GenerateResult(text=text, stop_reason=StopReason.EOS_TOKEN, usage=usage, seed=1, model_version="m")


def _asked(*names: str) -> list[Question]:
    models = [LabModel(name=name, title=name, kind="base") for name in names]
    return [Question(model=model, prompt="x", variables=None, values={}) for model in models]


async def test_an_error_of_one_column_leaves_the_others_alone() -> None:
    models = Models()
    models.go.set()
    outcomes: dict[int, Outcome] = {}

    async with aclosing(answers(models, _asked("missing", "a", "b"))) as updates:  # type: ignore[arg-type]
        async for arrived in updates:
            outcomes |= {place: item for place, item in arrived if isinstance(item, Outcome)}

    assert isinstance(outcomes[0].error, NotFoundError)
    assert [outcomes[place].text for place in (1, 2)] == [f"one {'x' * 20}"] * 2
    assert outcomes[1].first_seconds is not None


async def test_closing_the_answers_ends_all_generations() -> None:
    models = Models()

    async with aclosing(answers(models, _asked("a", "b"))) as updates:  # type: ignore[arg-type]
        async for arrived in updates:
            assert {item for _, item in arrived} == {"one "}
            break

    assert sorted(models.closed) == ["a", "b"]


async def test_pieces_that_arrive_together_are_one_update() -> None:
    models = Models()
    count = 0

    async with aclosing(answers(models, _asked("a"))) as updates:  # type: ignore[arg-type]
        async for _ in updates:
            count += 1
            models.go.set()

    assert count <= 4


@pytest.mark.parametrize("line", ["a = 1", "no variable"])
def test_a_form_full_of_faulty_lines_costs_no_more_than_its_length(line: str) -> None:
    # Compared with each other, so many sentences would occupy the process for hours.
    faults = Faults()

    parse_variables(f"{line}\n" * 200_000, faults)

    assert len(faults.by_field["variables"]) == MOST_SENTENCES


def test_code_names_a_saved_prompt() -> None:
    prompt = StructuredPrompt(instruction="Be {{tone}}.", input=HOSTILE)
    model = LabModel(name="complaints", title="complaints", kind="deployment")
    asked = Question(
        model=model,
        prompt=prompt,
        variables={"tone": "kind"},
        values={"max_new_tokens": 3},
        saved="triage@3",
        tenant="acme",
    )

    code = codes(asked)

    ast.parse(code["Python"])
    assert "client.get_saved_prompt('triage', 3).version" in code["Python"]
    assert f"saved.filled({{'tone': 'kind'}}, input={HOSTILE!r})" in code["Python"]
    assert "StructuredPrompt" not in code["Python"]
    command = shlex.split(code["Command line"].replace("\\\n", ""))
    assert command[2:7] == ["--prompt", "triage@3", "--variable", "tone", "kind"]
    assert command[-3:] == ["--", "complaints", HOSTILE]
    first, second = code["grpcurl"].split("\n\n")
    sent = shlex.split(first.partition("\n")[2].replace("\\\n", ""))
    assert json.loads(sent[sent.index("-d") + 1]) == {"name": "tenants/acme/savedPrompts/triage", "version": 3}
    assert sent[-1] == "foreword.v1.SavedPromptService/GetSavedPrompt"
    assert second.endswith("InferenceService/Generate")


def test_code_of_a_plain_saved_prompt_has_its_input_as_a_variable() -> None:
    model = LabModel(name="complaints", title="complaints", kind="deployment")
    asked = Question(
        model=model, prompt="Answer: {{input}}", variables={"input": "Where is it?"}, values={}, saved="plain@1"
    )

    code = codes(asked)

    assert "saved.filled(input='Where is it?')" in code["Python"]
    assert code["Command line"].endswith("-- complaints 'Where is it?'")


def test_a_variable_with_spaces_around_its_name_has_its_value() -> None:
    prompt = LabPrompt(
        instruction="Name the {{ what }}.", input="{{ box }}", versions={"triage@1": version(INSTRUCTED)}
    )

    assert (prompt.names_outside_input(), prompt.names_only_in_input()) == ({"what"}, {"box"})
    column = Column(model="complaints", saved="triage@1")
    assert prompt.variables_for(column, Faults()) == {"what": "team"}


@pytest.mark.parametrize(
    ("prompt", "sent", "variables"),
    [
        ("Name it: {{ input }}", "Name it: {{ input }}", {"input": "It leaks."}),
        (INSTRUCTED, StructuredPrompt(instruction=INSTRUCTED.instruction, input="It leaks."), {"what": "team"}),
    ],
)
async def test_a_row_takes_the_place_of_the_input_of_a_saved_prompt(
    prompt: str | StructuredPrompt, sent: str | StructuredPrompt, variables: dict[str, str]
) -> None:
    form = LabPrompt(instruction="Other", input="{{box}}", versions={"triage@1": version(prompt)})
    column = Column(model="complaints", saved="triage@1")
    given = form.variables_for(column, Faults())
    asked = replace(question(form.sent_to(column)), variables=given, saved="triage@1")
    calls: list[tuple[Any, Any]] = []

    async def batch_generate(model: str, prompts: Any, *, prompt_variables: Any, **_: Any) -> list[GenerateResult]:
        calls.append((prompts, prompt_variables))
        return [_result("x")]

    view, client = SimpleNamespace(faults=Faults()), SimpleNamespace(batch_generate=batch_generate)
    [over] = questions_over(view, [asked])  # type: ignore[arg-type]
    rows = [Row(number=1, input="It leaks.", output="x")]

    assert len([answer async for answer in answers_over(client, [over], rows)]) == 1  # type: ignore[arg-type]

    assert not view.faults
    assert calls == [([sent], [variables])]


def test_a_plain_saved_prompt_without_a_place_for_the_input_is_not_asked_over_rows() -> None:
    view = SimpleNamespace(faults=Faults())

    questions_over(view, [replace(question("Tell a joke."), saved="joke@2")])  # type: ignore[arg-type]

    assert view.faults.by_field["over"] == [
        "joke@2 has no place for a row: it is plain text without the variable {{input}}. Remove its column, or choose "
        "another version."
    ]


@pytest.mark.parametrize("kind", [str, lambda text: StructuredPrompt(instruction=text, input="x")])
def test_values_that_multiply_are_measured_and_not_built(kind: Any) -> None:
    asked = replace(question(kind("{{ a }}" * 10_000)), variables={"a": "x" * 1_000_000})

    assert 10**10 <= filled_prompt_length(asked) < 1.001 * 10**10
