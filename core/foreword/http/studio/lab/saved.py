"""What the buttons of the lab do with saved prompts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from foreword.client import AsyncClient, PromptVariable, SavedPrompt, SavedPromptVersion, StructuredPrompt
from foreword.client.keywords import generate_keywords, generate_values
from foreword.client.saved_prompt_resources import prompt_parts
from foreword.errors import ForewordError, InvalidArgumentError, NotFoundError
from foreword.http.studio.formats import short_name
from foreword.http.studio.lab import parameters
from foreword.http.studio.lab.prompt import MOST_COLUMNS, MOST_EXAMPLES, Column, Example, parse_variables
from foreword.http.studio.lab.saved_view import ComparedPart, SavedView, reference_of, versions_of
from foreword.http.studio.lab.view import LabView

_ID: Final = re.compile(r"[a-z0-9-]{1,63}")
_FIELDS: Final = {"saved_prompt.display_name": "saved_name", "saved_prompt.version.note": "saved_note"}
_WITHIN: Final = "saved_prompt.version."


def check_columns(view: LabView) -> None:
    """Add to the faults of the form which saved versions do not exist any more."""
    for column in view.prompt.columns:
        if column.saved and column.saved not in view.prompt.versions:
            view.faults.add("saved", f"{column.saved} does not exist. Choose what its column gets.")


async def act(client: AsyncClient, view: LabView, name: str, argument: str) -> list[str]:
    """Do what a button says, and return the names of the parts of the page that change."""
    argument = argument or view.draft.get("saved", "")
    if name == "save":
        return await _save(client, view)
    if not _ID.fullmatch(argument.partition("@")[0]):
        view.faults.add("saved", "Choose a saved prompt.")
        return []
    match name:
        case "load":
            return await _load(client, view, argument)
        case "versions":
            view.saved = await _chosen(client, view, argument)
            return ["saved", "columns"]
        case "compare":
            return await _compare(client, view, argument)
    return await _beside(client, view, argument)


async def _save(client: AsyncClient, view: LabView) -> list[str]:
    """Save the prompt of the form, without its input."""
    name = view.draft.get("saved_name", "").strip()
    if not name:
        view.faults.add("saved_name", "Give it a name; one that is saved already gets this prompt as its next version.")
    content = _content(view)
    if view.faults:
        return []
    prompt, variables, values = content
    try:
        saved = await client.save_prompt(
            name,
            prompt,
            variables=variables,
            parameters=generate_keywords(values),
            model=view.prompt.columns[0].model if view.prompt.columns else "",
            note=view.draft.get("saved_note", "").strip(),
        )
    except InvalidArgumentError as error:
        error.rename_fields({item.field: _field_of(item.field) for item in error.violations})
        view.faults.add_error(error)
        for item in error.violations:
            if item.field in ("saved_name", "saved_note", "saved_prompt"):
                view.faults.add("saved_name" if item.field == "saved_prompt" else item.field, item.description)
        if not view.faults:
            view.faults.add("saved_name", error.message)
        return []
    except ForewordError as error:
        view.faults.add("saved_name", error.message)
        return []
    number, known = saved.version.number, {item.name: item.latest_version for item in view.saved.prompts}
    said = f"Saved as version {number} of {saved.display_name}."
    if known.get(saved.name) == number:
        said = f"Nothing was added: version {number} of {saved.display_name} is the same."
    view.prompt = replace(view.prompt, loaded=reference_of(saved, saved.version))
    view.draft = {**view.draft, "saved_note": "", "saved_name": saved.display_name, "saved": short_name(saved.name)}
    await _show(client, view, saved, said)
    return ["saved", "columns", "library"]


async def _load(client: AsyncClient, view: LabView, reference: str) -> list[str]:
    """Put a version into the form. Its columns and its input stay."""
    found = await _read(client, view, reference)
    if found is None:
        return []
    version, prompt = found.version, found.version.prompt
    loaded = reference_of(found, version)
    if isinstance(prompt, StructuredPrompt):
        if len(prompt.examples) > MOST_EXAMPLES:
            view.faults.add(
                "saved",
                f"It has {len(prompt.examples):,} examples, and the lab holds at most {MOST_EXAMPLES}. Put it beside "
                "the prompt of the form in a column instead.",
            )
            return []
        filled = replace(
            view.prompt,
            freeform=False,
            instruction=prompt.instruction,
            examples=tuple(Example(input=item.input, output=item.output) for item in prompt.examples),
            input=prompt.input or view.prompt.input,
            input_prefix=prompt.input_prefix,
            output_prefix=prompt.output_prefix,
        )
    else:
        filled = replace(view.prompt, freeform=True, text=prompt or "")
    view.prompt = replace(filled, variables=_variable_lines(view, version), loaded=loaded)
    view.typed = {name: _typed(value) for name, value in generate_values(version.parameters).items()}
    view.draft = {**view.draft, "saved_name": found.display_name, "saved": short_name(found.name)}
    await _show(client, view, found, f"Loaded version {version.number} of {found.display_name}.")
    return ["composer", "columns", "saved"]


async def _compare(client: AsyncClient, view: LabView, argument: str) -> list[str]:
    """Compare a version with another one of the same prompt (`ID@1..2`), or with what stands in the form."""
    reference, dots, other = argument.partition("..")
    first = await _read(client, view, reference)
    if first is None:
        return []
    before, title = first.version.parts(), f"Version {first.version.number}"
    if dots:
        second = await _read(client, view, f"{reference.partition('@')[0]}@{other}")
        if second is None:
            return []
        after, titles = second.version.parts(), (title, f"Version {second.version.number}")
    else:
        content = _content(view)
        if view.faults:
            return []
        prompt, variables, values = content
        model = view.prompt.columns[0].model if view.prompt.columns else ""
        after, titles = prompt_parts(prompt, variables, generate_keywords(values), model), (title, "The form")
    await _show(client, view, first, "")
    names = list(dict.fromkeys((*before, *after)))
    parts = [ComparedPart(name=name, before=before.get(name, ""), after=after.get(name, "")) for name in names]
    view.saved = replace(view.saved, titles=titles, compared=parts)
    return ["saved"]


async def _beside(client: AsyncClient, view: LabView, reference: str) -> list[str]:
    """Add a column in which the model of the first one gets a version."""
    found = await _read(client, view, reference)
    if found is None:
        return []
    if not 0 < len(view.prompt.columns) < MOST_COLUMNS:
        view.faults.add("saved", f"The lab has 1 to {MOST_COLUMNS} columns. Remove one, or choose the version in one.")
        return []
    added = Column(model=view.prompt.columns[0].model, saved=reference_of(found, found.version))
    view.prompt = replace(view.prompt, columns=(*view.prompt.columns, added))
    await _show(client, view, found, f"The last column gets version {found.version.number} with the input of the form.")
    return ["saved", "columns"]


def _content(view: LabView) -> tuple[str | StructuredPrompt, list[PromptVariable], Mapping[str, Any]]:
    """Return what is saved of the form: its prompt without the input, its variables, and values by path."""
    prompt = view.prompt.text if view.prompt.freeform else replace(view.prompt.whole, input="")
    given = parse_variables(view.prompt.variables, view.faults)
    if not view.prompt.freeform:
        elsewhere = view.prompt.names_only_in_input()
        given = {name: value for name, value in given.items() if name not in elsewhere}
        if not (view.prompt.instruction.strip() or any(item.sent for item in view.prompt.examples)):
            view.faults.add("instruction", "Write an instruction or tick an example: the input is not saved.")
    elif not view.prompt.text.strip():
        view.faults.add("text", "Write the prompt first.")
    values = parameters.generate_values(parameters.parse_values(view.typed, view.specs, view.faults))
    return prompt, [PromptVariable(name=name, default_value=value) for name, value in given.items()], values


async def _read(client: AsyncClient, view: LabView, reference: str) -> SavedPrompt | None:
    """Return a saved prompt with a version; if there is none, add that to the faults of the form."""
    name, _, number = reference.partition("@")
    try:
        return await client.get_saved_prompt(name, int(number) if number.isdecimal() and len(number) < 7 else 0)
    except NotFoundError as error:
        view.faults.add("saved", error.message)
        return None


async def _chosen(client: AsyncClient, view: LabView, name: str) -> SavedView:
    found = await versions_of(client, name.partition("@")[0])
    if found.chosen is None:
        view.faults.add("saved", "This saved prompt does not exist any more. Choose another one.")
    return replace(found, prompts=view.saved.prompts, find=view.saved.find, more=view.saved.more)


async def _show(client: AsyncClient, view: LabView, prompt: SavedPrompt, said: str) -> None:
    """Show the versions of a prompt, and what was done."""
    found = await versions_of(client, short_name(prompt.name))
    others = [item for item in view.saved.prompts if item.name != prompt.name]
    listed = [found.chosen or prompt, *others]
    view.saved = replace(found, prompts=listed, find=view.saved.find, more=view.saved.more, said=said)


def _variable_lines(view: LabView, version: SavedPromptVersion) -> str:
    """Return the variables of a version as lines of the form."""
    lines = []
    for item in version.variables:
        value = item.default_value
        if value is None:
            lines.append(item.name)
            continue
        if "\n" in value or value != value.strip():
            view.faults.add(
                "variables", f"The default of {item.name} has line breaks or spaces at its ends: see below."
            )
            value = " ".join(value.split())
        lines.append(f"{item.name} = {value}".rstrip())
    return "\n".join(lines)


def _typed(value: Any) -> str:
    """Return a value of a parameter as it would be typed."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "\n".join(value)
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def _field_of(path: str) -> str:
    """Return the path that the field of a version has in a request to a model, whose faults the form knows."""
    found = _FIELDS.get(path, path.removeprefix(_WITHIN))
    return f"prompt_{found}" if found.startswith("variables") else found
