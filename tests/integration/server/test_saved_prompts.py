"""Saved prompts over gRPC: versions, limits, quotas and what is refused."""

from __future__ import annotations

import time
from typing import Any

import grpc
import pytest

from factories.api import create_saved_prompt, refused
from factories.servers import RunningServer
from foreword.domain.saved_prompt import MAX_SAVED_CHARACTERS, MAX_SAVED_PROMPTS, MAX_VERSIONS
from foreword.storage.repositories import saved_prompts as repository
from foreword.v1 import quota_pb2, saved_prompt_pb2, usage_service_pb2
from foreword.v1 import saved_prompt_service_pb2 as messages

STRUCTURED = {
    "instruction": "Reply to {{name}} in a {{tone}} tone.",
    "examples": [{"input": "Where is it?", "output": "On its way."}],
    "input_prefix": "Customer: ",
}
VARIABLES = [{"name": "name"}, {"name": "tone", "default_value": "kind", "description": "How it sounds."}]


@pytest.fixture
def tenant() -> str:
    return f"prompts-{time.time_ns()}"


@pytest.fixture
def stubs(server: RunningServer, tenant: str) -> Any:
    return server.stubs(server.new_key(tenant))


def get(stubs: Any, name: str, version: int = 0) -> Any:
    return stubs.saved_prompts.GetSavedPrompt(messages.GetSavedPromptRequest(name=name, version=version))


def update(stubs: Any, name: str, mask: str = "", **fields: Any) -> Any:
    request = messages.UpdateSavedPromptRequest(saved_prompt={"name": name, **fields})
    if mask:
        request.update_mask.FromJsonString(mask)
    return stubs.saved_prompts.UpdateSavedPrompt(request)


def test_a_saved_prompt_comes_back_as_it_was_saved(stubs: Any, tenant: str) -> None:
    parameters = {
        "decoding_method": "DECODING_METHOD_SAMPLE",
        "temperature": 0.7,
        "random_seed": 2**32 - 1,
        "max_new_tokens": 20,
        "stop_sequences": ["\n\n"],
        "length_penalty": {"decay_factor": 1.1, "start_index": 3},
        "time_limit": {"seconds": 2, "nanos": 500_000_000},
    }

    created = create_saved_prompt(
        stubs,
        structured=STRUCTURED,
        variables=VARIABLES,
        parameters=parameters,
        model="complaints",
        note="first",
        saved_prompt_id="reply",
        display_name="Reply",
        tags=["support"],
    )

    assert created.name == f"tenants/{tenant}/savedPrompts/reply"
    assert created.version.name == f"{created.name}/versions/1"
    assert (created.latest_version, created.version.number, created.version.creator) == (1, 1, created.creator)
    expected = saved_prompt_pb2.SavedPromptVersion(parameters=parameters, variables=VARIABLES, structured=STRUCTURED)
    expected.structured.output_prefix = "Output: "  # the default, so that the prompt stays the same if it changes
    assert created.version.parameters == expected.parameters
    assert created.version.variables == expected.variables
    assert created.version.structured == expected.structured
    assert (created.version.model, created.version.note) == ("complaints", "first")
    assert get(stubs, created.name) == created


def test_an_update_adds_a_version_and_earlier_ones_stay(stubs: Any) -> None:
    name = create_saved_prompt(stubs, "first", note="one").name

    second = update(stubs, name, version={"text": "second", "note": "two"}, display_name="Renamed")

    assert (second.latest_version, second.version.text, second.display_name) == (2, "second", "Renamed")
    assert get(stubs, name).version == second.version
    assert get(stubs, name, 1).version.text == "first"
    assert get(stubs, name, 1).latest_version == 2
    missing = refused(get, stubs, name, 3)
    assert missing.code is grpc.StatusCode.NOT_FOUND
    assert missing.metadata["resource"] == f"{name}/versions/3"
    assert "newest version is 2" in missing.message


def test_what_equals_the_newest_version_is_not_saved_again(stubs: Any) -> None:
    name = create_saved_prompt(stubs, "same", note="one").name

    again = update(stubs, name, version={"text": "same", "note": "two"})
    other_model = update(stubs, name, version={"text": "same", "model": "complaints"})

    assert (again.latest_version, again.version.note) == (1, "one")
    assert other_model.latest_version == 2


def test_an_outdated_etag_is_refused(stubs: Any) -> None:
    created = create_saved_prompt(stubs)
    update(stubs, created.name, description="changed", etag=created.etag)

    failure = refused(update, stubs, created.name, description="again", etag=created.etag)

    assert failure.code is grpc.StatusCode.ABORTED
    assert get(stubs, created.name).description == "changed"


def test_a_mask_names_what_can_be_changed(stubs: Any) -> None:
    name = create_saved_prompt(stubs, description="kept").name

    failure = refused(update, stubs, name, "creator,latestVersion,sound")

    assert set(failure.violations) == {f"update_mask.paths[{place}]" for place in range(3)}
    assert "use some of display_name, description, tags, version" in failure.message
    assert update(stubs, name, "description").description == ""


@pytest.mark.parametrize(
    ("version", "field", "problem"),
    [
        ({}, "text", "must be set, or else structured"),
        ({"text": " "}, "text", "must not be empty"),
        ({"text": "x" * (MAX_SAVED_CHARACTERS + 1)}, "text", "at most 300,000 characters"),
        ({"structured": {"instruction": "x" * 200_000, "input": "x" * 200_000}}, "structured", "in total"),
        ({"structured": {"examples": [{"output": "x"}]}}, "structured.examples[0].input", "must not be empty"),
        ({"text": "Hi {{name}}", "variables": [{"name": "title"}]}, "variables", "has no value for name"),
        ({"text": "Hi", "variables": [{"name": "title"}]}, "variables.title", "is not used"),
        ({"text": "Hi {{a}}", "variables": [{"name": "a"}, {"name": "a"}]}, "variables[1].name", "repeats a"),
        ({"text": "Hi", "variables": [{"name": "1st"}]}, "variables[0].name", "not beginning with a digit"),
        ({"text": "Hi", "parameters": {"temperature": 9}}, "parameters.temperature", "must be in"),
        ({"text": "Hi", "note": "x" * 501}, "note", "at most 500"),
        ({"text": "Hi", "model": "x" * 301}, "model", "at most 300"),
    ],
)
def test_a_fault_is_named_by_its_field(stubs: Any, version: dict[str, Any], field: str, problem: str) -> None:
    request = messages.CreateSavedPromptRequest(saved_prompt={"version": version})

    failure = refused(stubs.saved_prompts.CreateSavedPrompt, request)

    assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
    assert problem in failure.violations[f"saved_prompt.version.{field}"]


def test_braces_are_ordinary_text_without_declared_variables(stubs: Any) -> None:
    assert create_saved_prompt(stubs, "Write {{name}}.").version.text == "Write {{name}}."


def test_an_id_that_is_taken_names_the_remedy(stubs: Any) -> None:
    create_saved_prompt(stubs, saved_prompt_id="taken")

    failure = refused(create_saved_prompt, stubs, saved_prompt_id="taken")

    assert failure.code is grpc.StatusCode.ALREADY_EXISTS
    assert "save a new version" in failure.message


def test_lists_leave_out_prompts_unless_the_whole_is_asked_for(stubs: Any) -> None:
    for number in range(3):
        create_saved_prompt(stubs, f"text {number}", saved_prompt_id=f"p-{number}", note=f"note {number}", tags=["a"])
    update(stubs, create_saved_prompt(stubs, "old", saved_prompt_id="p-3").name, version={"text": "new"})

    def listed(**fields: Any) -> list[Any]:
        return list(stubs.saved_prompts.ListSavedPrompts(messages.ListSavedPromptsRequest(**fields)).saved_prompts)

    basic, full = listed(), listed(view="RESOURCE_VIEW_FULL", order_by="latest_version desc, display_name")

    assert [item.name[-3:] for item in basic] == ["p-3", "p-2", "p-1", "p-0"]
    assert [item.version.note for item in basic] == ["", "note 2", "note 1", "note 0"]
    assert not any(item.version.WhichOneof("prompt") for item in basic)
    assert [item.version.text for item in full] == ["new", "text 0", "text 1", "text 2"]
    assert [item.name[-3:] for item in listed(filter='tags : "a" AND display_name != p-1')] == ["p-2", "p-0"]


def test_pages_of_versions_go_from_the_newest_to_the_first(stubs: Any) -> None:
    name = create_saved_prompt(stubs, "text 1").name
    for number in (2, 3):
        update(stubs, name, version={"text": f"text {number}"})
    request = messages.ListSavedPromptVersionsRequest(parent=name, page_size=2, view="RESOURCE_VIEW_FULL")

    first = stubs.saved_prompts.ListSavedPromptVersions(request)
    request.page_token = first.next_page_token
    last = stubs.saved_prompts.ListSavedPromptVersions(request)

    assert [item.text for item in first.versions] == ["text 3", "text 2"]
    assert [item.text for item in last.versions] == ["text 1"]
    assert last.next_page_token == ""


def test_a_deleted_prompt_is_gone_with_its_versions(stubs: Any, tenant: str, server: RunningServer) -> None:
    name = create_saved_prompt(stubs, saved_prompt_id="gone").name
    update(stubs, name, version={"text": "second"})

    stubs.saved_prompts.DeleteSavedPrompt(messages.DeleteSavedPromptRequest(name=name))
    again = create_saved_prompt(stubs, "fresh", saved_prompt_id="gone")

    assert again.latest_version == 1
    assert refused(get, stubs, name, 2).code is grpc.StatusCode.NOT_FOUND


def test_versions_are_bounded_with_a_remedy(stubs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_VERSIONS == 100
    monkeypatch.setattr(repository, "MAX_VERSIONS", 2)
    name = create_saved_prompt(stubs, "first").name
    update(stubs, name, version={"text": "second"})

    failure = refused(update, stubs, name, version={"text": "third"})

    assert (failure.code, failure.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_VERSIONS")
    assert "Save this one as a new prompt" in failure.message
    assert update(stubs, name, description="still possible").latest_version == 2


def test_saved_prompts_are_bounded_with_a_remedy(stubs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_SAVED_PROMPTS == 1_000
    monkeypatch.setattr(repository, "MAX_SAVED_PROMPTS", 1)
    create_saved_prompt(stubs)

    failure = refused(create_saved_prompt, stubs)

    assert (failure.code, failure.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_SAVED_PROMPTS")
    assert "Delete one first" in failure.message


def test_texts_count_against_the_quota_of_stored_bytes(server: RunningServer, stubs: Any, tenant: str) -> None:
    quota = f"tenants/{tenant}/quota"
    set_quota = usage_service_pb2.UpdateQuotaRequest(quota=quota_pb2.Quota(name=quota, stored_bytes=1_000))
    server.stubs().usage.UpdateQuota(set_quota)
    name = create_saved_prompt(stubs, "x" * 600).name

    failure = refused(update, stubs, name, version={"text": "y" * 600})

    assert (failure.code, failure.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "QUOTA_EXCEEDED")
    assert "saved prompts" in failure.message
    used = {item.quota: item.used for item in stubs.usage.GetQuota(usage_service_pb2.GetQuotaRequest()).uses}
    assert 600 < used["stored_bytes"] < 800
