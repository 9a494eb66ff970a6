"""Saved prompts through both clients, `foreword prompts`, the commands of inference and the lab."""

from __future__ import annotations

import io
import json
import re
import time
from collections.abc import Callable
from datetime import timedelta

import pytest

from factories.clients import DrivenAsyncClient
from factories.servers import RunningServer
from foreword.cli.application import run
from foreword.client import Client, LengthPenalty, PromptExample, PromptVariable, StructuredPrompt
from foreword.domain.resource_view import ResourceView
from foreword.errors import AbortedError, InvalidArgumentError, NotFoundError

MODEL = "baseModels/foreword--starter"
PROMPT = StructuredPrompt(
    instruction="Name the {{what}}.", examples=(PromptExample(input="My box is torn.", output="Packaging"),), input=""
)
WHAT = PromptVariable(name="what", default_value="department", description="What is asked for.")

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def key(server: RunningServer) -> str:
    return server.new_key(f"prompts-{time.time_ns()}")


@pytest.fixture
def client(server: RunningServer, key: str):
    with Client(server.endpoint, key) as connected:
        yield connected


@pytest.fixture
def command(server: RunningServer, key: str, monkeypatch: pytest.MonkeyPatch, capsys) -> Command:
    """Runs a command and returns status, standard output with single spaces, and standard error."""
    monkeypatch.setenv("FOREWORD_ENDPOINT", server.endpoint)
    monkeypatch.setenv("FOREWORD_API_KEY", key)
    monkeypatch.setenv("COLUMNS", "250")

    def call(*arguments: str, typed: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        status = run(arguments)
        captured = capsys.readouterr()
        return status, re.sub(" +", " ", captured.out), captured.err

    return call


@pytest.mark.parametrize("kind", [Client, DrivenAsyncClient])
def test_a_client_saves_loads_and_uses_a_prompt(server: RunningServer, key: str, kind) -> None:
    with kind(server.endpoint, key) as client:
        saved = client.save_prompt(
            "Complaint triage",
            PROMPT,
            variables=[WHAT],
            parameters={"max_new_tokens": 2, "time_limit": timedelta(seconds=30)},
            model=MODEL,
            note="first",
        )
        loaded = client.get_saved_prompt("Complaint triage").version

        assert saved.name.endswith("/savedPrompts/complaint-triage")
        assert loaded == saved.version
        assert (loaded.prompt, loaded.variables, loaded.note) == (PROMPT, (WHAT,), "first")
        assert loaded.parameters == {"max_new_tokens": 2, "time_limit": timedelta(seconds=30)}
        filled = loaded.filled({"what": "team"}, input="Two screws are missing. {{what}}")
        answer = client.generate(loaded.model, filled, **loaded.parameters)
        assert answer.usage.generated_tokens <= 2
        assert (filled.instruction, filled.input) == ("Name the team.", "Two screws are missing. {{what}}")


def test_saving_under_a_name_again_adds_a_version(client: Client) -> None:
    first = client.save_prompt("Über uns!", "one", parameters={"length_penalty": LengthPenalty(decay_factor=1.1)})
    second = client.save_prompt("Über uns!", "two", note="shorter")
    third = client.save_prompt(first.name, "three")

    assert [item.version.number for item in (first, second, third)] == [1, 2, 3]
    versions = client.list_saved_prompt_versions(first, view=ResourceView.FULL, order_by="number")
    assert [item.prompt for item in versions] == ["one", "two", "three"]
    assert versions[0].parameters == {"length_penalty": LengthPenalty(decay_factor=1.1)}
    assert [item.display_name for item in client.list_saved_prompts()] == ["Über uns!"]


def test_another_name_with_the_same_id_is_another_prompt(client: Client) -> None:
    names = {client.save_prompt(name, name).name for name in ("A b", "a, b!")}

    assert len(names) == 2


def test_what_the_client_refuses_names_the_remedy(client: Client) -> None:
    saved = client.save_prompt("known", "text")

    with pytest.raises(NotFoundError, match="foreword prompts list"):
        client.get_saved_prompt("Unknown prompt")
    with pytest.raises(NotFoundError, match="savedPrompts/none"):
        client.save_prompt(saved.name.replace("known", "none"), "text")
    with pytest.raises(InvalidArgumentError, match="a version is saved as a whole"):
        client.update_saved_prompt(saved, note="without a prompt")
    with pytest.raises(InvalidArgumentError, match="get_saved_prompt"):
        client.list_saved_prompts()[0].version.filled()
    client.update_saved_prompt(saved, description="changed")
    with pytest.raises(AbortedError):
        client.update_saved_prompt(saved, description="again", etag=saved.etag)
    client.delete_saved_prompt(saved)
    assert client.list_saved_prompts() == []


def test_commands_save_show_compare_and_delete(command: Command) -> None:
    options = ("--example", "My box is torn.", "Packaging", "--variable", "what", "department", "--max-new-tokens", "3")
    first = command("prompts", "save", "triage", "--instruction", "Name the {{what}}.", *options)
    second = command("prompts", "save", "triage", "--instruction", "Say the {{what}}.", *options, "--note", "shorter")

    assert (first, second) == ((0, "triage@1\n", ""), (0, "triage@2\n", ""))
    _, shown, _ = command("prompts", "show", "triage@1")
    assert "version 1 of 2" in shown
    assert "example 1 My box is torn. => Packaging" in shown
    assert "max_new_tokens 3" in shown
    status, differences, _ = command("prompts", "diff", "triage")
    assert status == 1
    assert differences.splitlines()[4:6] == ["-Name the {{what}}.", "+Say the {{what}}."]
    assert command("prompts", "diff", "triage@2", "triage@2")[:2] == (0, "")
    assert "triage triage 2 shorter" in command("prompts", "list")[1]
    assert [line.split()[0] for line in command("prompts", "versions", "triage")[1].splitlines()[2:]] == ["2", "1"]
    command("prompts", "update", "triage", "--name", "Triage of complaints")
    document = json.loads(command("prompts", "show", "Triage of complaints", "--json")[1])
    assert document["version"]["parameters"] == {"max_new_tokens": 3}
    assert command("prompts", "delete", "triage")[0] == 0
    assert command("prompts", "show", "triage")[0] == 1


def test_commands_of_inference_use_a_saved_prompt(command: Command, client: Client) -> None:
    client.save_prompt("ask", "{{what}}? {{input}}", variables=[WHAT, PromptVariable(name="input")])
    client.save_prompt("ask", PROMPT, variables=[WHAT], parameters={"max_new_tokens": 1})

    _, counted, _ = command("tokenize", MODEL, "Two screws.", "--prompt", "ask", "--variable", "what", "team", "--json")
    _, plain, _ = command("tokenize", MODEL, "Two screws.", "--prompt", "ask@1", "--tokens")
    status, _, usage = command("generate", MODEL, "Two screws.", "--prompt", "ask")

    expected = client.tokenize(MODEL, StructuredPrompt(**{**vars_of(PROMPT), "instruction": "Name the team."}))
    assert json.loads(counted)["token_count"] == expected.token_count
    assert "department" in plain
    assert status == 0
    assert "+ 1 generated" in usage
    assert command("generate", MODEL, "x", "--prompt", "ask", "--instruction", "y")[0] == 2
    assert "Missing argument 'TEXT'" in command("generate", MODEL)[2]
    assert "no value for input" in command("tokenize", MODEL, "--prompt", "ask@1")[2]


def vars_of(prompt: StructuredPrompt) -> dict[str, object]:
    return {"examples": prompt.examples, "input": "Two screws."}


def test_the_lab_saves_and_loads(command: Command, client: Client) -> None:
    typed = "\n".join(
        (
            "/instruction Name the {{what}}.",
            "/example My box is torn. => Packaging",
            "/variable what department",
            "/set max_new_tokens 2",
            "/tokens on",
            "/save Lab prompt => from the lab",
            "/instruction Say the {{what}}.",
            "/save",
            "/saved",
            "/saved Lab prompt",
            "/load Lab prompt@1",
            "/prompt Two screws are missing.",
        )
    )

    status, out, err = command("lab", MODEL, typed=typed)

    assert (status, err) == (0, "")
    assert "Saved as lab-prompt@1." in out
    assert "Saved as lab-prompt@2." in out
    assert "lab-prompt Lab prompt 2" in out
    assert "Loaded version 1 of Lab prompt." in out
    assert "instruction Name the {{what}}." in out.partition("Loaded version 1")[2]
    version = client.get_saved_prompt("Lab prompt", 1).version
    assert (version.prompt, version.note, version.model) == (PROMPT, "from the lab", MODEL)
    assert version.variables == (PromptVariable(name="what", default_value="department"),)
    assert version.parameters == {"max_new_tokens": 2}, "what the lab shows is no part of the prompt"


def test_the_lab_loads_a_plain_prompt_with_a_place_for_what_is_typed(command: Command, client: Client) -> None:
    client.save_prompt("plain", "Answer: {{input}}", variables=[PromptVariable(name="input")])
    client.save_prompt("fixed", "Say hello.")

    loaded = command("lab", MODEL, typed="/load plain\n/prompt Where is it?\n/save copy\n")
    refused = command("lab", MODEL, typed="/load fixed\n/save\n/load\n")

    assert loaded[0] == 0, loaded[2]
    assert "Answer: Where is it?" in loaded[1]
    assert client.get_saved_prompt("copy").version.prompt == "Answer: {{input}}"
    assert refused[0] == 1
    assert "foreword generate MODEL --prompt fixed" in refused[2]
    assert "needs a name" in refused[2]
