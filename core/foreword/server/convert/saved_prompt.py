"""Conversion of saved prompts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from google.protobuf import json_format

from foreword.domain.prompt import StructuredPrompt
from foreword.domain.saved_prompt import (
    MAX_DEFAULT_VALUE,
    MAX_MODEL,
    MAX_NOTE,
    MAX_SAVED_CHARACTERS,
    MAX_VARIABLE_DESCRIPTION,
    NewPromptVersion,
    PromptContent,
    PromptVariable,
    SavedPrompt,
    SavedPromptVersion,
)
from foreword.domain.templates import check_variables
from foreword.domain.violations import Violations
from foreword.names import SavedPromptName, SavedPromptVersionName, TenantName, check_id
from foreword.server.convert.changed_fields import changed_fields
from foreword.server.convert.generate_parameters import parse_generate_parameters
from foreword.server.convert.prompts import MAX_VARIABLES, check_prompt_length, check_variable_name, parse_structured
from foreword.server.convert.tags import parse_tags
from foreword.server.convert.text_limits import MAX_DESCRIPTION, MAX_DISPLAY_NAME, MAX_ETAG
from foreword.server.convert.timestamps import timestamp
from foreword.v1 import inference_pb2, saved_prompt_pb2, saved_prompt_service_pb2

_MUTABLE_FIELDS: Final = ("display_name", "description", "tags", "version")
_VERSION: Final = "saved_prompt.version"


def saved_prompt(item: SavedPrompt) -> saved_prompt_pb2.SavedPrompt:
    """Convert a saved prompt to a message."""
    return saved_prompt_pb2.SavedPrompt(
        name=str(SavedPromptName(item.tenant, item.id)),
        display_name=item.display_name,
        description=item.description,
        tags=item.tags,
        version=version(item.version),
        latest_version=item.latest_version,
        etag=item.etag,
        creator=item.creator,
        create_time=timestamp(item.create_time),
        update_time=timestamp(item.update_time),
    )


def version(item: SavedPromptVersion) -> saved_prompt_pb2.SavedPromptVersion:
    """Convert a version to a message."""
    content = item.content or PromptContent()
    parameters = inference_pb2.GenerateParameters()
    json_format.ParseDict(dict(item.parameters), parameters)
    return saved_prompt_pb2.SavedPromptVersion(
        name=str(SavedPromptVersionName(item.tenant, item.saved_prompt, str(item.number))),
        number=item.number,
        text=content.text,
        structured=None if content.structured is None else _structured(content.structured),
        variables=[
            saved_prompt_pb2.PromptVariable(
                name=variable.name, default_value=variable.default_value, description=variable.description
            )
            for variable in content.variables
        ],
        parameters=parameters if item.parameters else None,
        model=item.model,
        note=item.note,
        creator=item.creator,
        create_time=timestamp(item.create_time),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSavedPrompt:
    """A parsed CreateSavedPrompt request. `tenant` is None if the request names no parent."""

    tenant: str | None
    id: str | None
    display_name: str
    description: str
    tags: tuple[str, ...]
    version: NewPromptVersion


def parse_new_saved_prompt(request: saved_prompt_service_pb2.CreateSavedPromptRequest) -> NewSavedPrompt:
    """Parse a CreateSavedPrompt request."""
    violations = Violations()
    message = request.saved_prompt
    parent = violations.collect(lambda: TenantName.parse(request.parent, "parent")) if request.parent else None
    if request.saved_prompt_id:
        violations.collect(lambda: check_id(request.saved_prompt_id, "saved_prompt_id"))
    display_name = violations.name("saved_prompt.display_name", message.display_name, MAX_DISPLAY_NAME)
    description = violations.text("saved_prompt.description", message.description, MAX_DESCRIPTION)
    tags = parse_tags(violations, "saved_prompt.tags", message.tags)
    new = _parse_version(violations, message.version)
    violations.check()
    return NewSavedPrompt(
        tenant=None if parent is None else parent.tenant,
        id=request.saved_prompt_id or None,
        display_name=display_name,
        description=description,
        tags=tags,
        version=new,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedPromptChange:
    """A parsed UpdateSavedPrompt request. None leaves a field unchanged, and an empty etag is not checked."""

    name: SavedPromptName
    etag: str
    display_name: str | None
    description: str | None
    tags: tuple[str, ...] | None
    version: NewPromptVersion | None


def parse_saved_prompt_change(request: saved_prompt_service_pb2.UpdateSavedPromptRequest) -> SavedPromptChange:
    """Parse an UpdateSavedPrompt request."""
    violations = Violations()
    message = request.saved_prompt
    name = violations.collect(lambda: SavedPromptName.parse(message.name, "saved_prompt.name"))
    etag = violations.text("saved_prompt.etag", message.etag, MAX_ETAG)
    changed = changed_fields(violations, message, request.update_mask.paths, _MUTABLE_FIELDS, "a saved prompt")
    display_name = description = tags = new = None
    if "display_name" in changed:
        display_name = violations.name(
            "saved_prompt.display_name", message.display_name, MAX_DISPLAY_NAME, required=True
        )
    if "description" in changed:
        description = violations.text("saved_prompt.description", message.description, MAX_DESCRIPTION)
    if "tags" in changed:
        tags = parse_tags(violations, "saved_prompt.tags", message.tags)
    if "version" in changed:
        new = _parse_version(violations, message.version)
    violations.check()
    assert name is not None
    return SavedPromptChange(
        name=name, etag=etag, display_name=display_name, description=description, tags=tags, version=new
    )


def parse_version_number(number: int) -> int:
    """Return the number of a version in a request; 0 for the newest.

    Raises:
        InvalidArgumentError: It is negative.
    """
    violations = Violations()
    violations.number("version", number, minimum=0)
    violations.check()
    return number


def _parse_version(violations: Violations, message: saved_prompt_pb2.SavedPromptVersion) -> NewPromptVersion:
    text = structured = None
    whole: StructuredPrompt | None = None
    match message.WhichOneof("prompt"):
        case "text":
            text = violations.text(f"{_VERSION}.text", message.text, MAX_SAVED_CHARACTERS, required=True)
            whole = StructuredPrompt(input=text)
        case "structured":
            structured = parse_structured(violations, f"{_VERSION}.structured", message.structured, needs_input=False)
            check_prompt_length(violations, f"{_VERSION}.structured", structured, MAX_SAVED_CHARACTERS)
            whole = structured
        case _:
            violations.add(f"{_VERSION}.text", "must be set, or else structured")
    variables = _parse_variables(violations, message)
    if variables and whole is not None and not violations:
        texts, names = whole.texts(), {item.name: "" for item in variables}
        violations.collect(lambda: check_variables(texts, names, f"{_VERSION}.variables"))
    parse_generate_parameters(violations, message.parameters, f"{_VERSION}.parameters")
    violations.text(f"{_VERSION}.model", message.model, MAX_MODEL)
    violations.text(f"{_VERSION}.note", message.note, MAX_NOTE)
    parameters: dict[str, Any] = {}
    if not violations:  # only valid values have a JSON form
        parameters = json_format.MessageToDict(message.parameters, preserving_proto_field_name=True)
    return NewPromptVersion(
        content=PromptContent(text=text, structured=structured, variables=variables),
        parameters=parameters,
        model=message.model,
        note=message.note,
    )


def _parse_variables(
    violations: Violations, message: saved_prompt_pb2.SavedPromptVersion
) -> tuple[PromptVariable, ...]:
    field = f"{_VERSION}.variables"
    if len(message.variables) > MAX_VARIABLES:
        violations.add(field, f"must hold at most {MAX_VARIABLES}, not {len(message.variables):,}")
        return ()
    seen: set[str] = set()
    for place, item in enumerate(message.variables):
        check_variable_name(violations, f"{field}[{place}].name", item.name)
        if item.name in seen:
            violations.add(f"{field}[{place}].name", f"repeats {item.name[:80]}; declare each variable once")
        seen.add(item.name)
        violations.text(f"{field}[{place}].default_value", item.default_value, MAX_DEFAULT_VALUE)
        violations.text(f"{field}[{place}].description", item.description, MAX_VARIABLE_DESCRIPTION)
    return tuple(
        PromptVariable(
            name=item.name,
            default_value=item.default_value if item.HasField("default_value") else None,
            description=item.description,
        )
        for item in message.variables
    )


def _structured(item: StructuredPrompt) -> inference_pb2.StructuredPrompt:
    return inference_pb2.StructuredPrompt(
        instruction=item.instruction,
        examples=[inference_pb2.PromptExample(input=example.input, output=example.output) for example in item.examples],
        input=item.input,
        input_prefix=item.input_prefix,
        output_prefix=item.output_prefix,
    )
