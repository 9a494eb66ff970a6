"""References to resources: objects, names, ids and display names."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from foreword.client.message import text_problem
from foreword.domain.near_names import did_you_mean
from foreword.domain.parameters import TuneParameters
from foreword.errors import InvalidArgumentError


class Named(Protocol):
    """Any resource with a name."""

    @property
    def name(self) -> str:
        """Resource name."""


Reference = str | Named
"""A resource, its name, its id (the last part of its name), or its display name if that is unique."""

_ID = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_NUMBER = re.compile(r" \(\d+\)$")
"""The number that the service appends to the display name of a run."""
_MOST_LISTED = 10


def reference_name(resource: Reference, collection: str) -> str:
    """Return the name that a caller passed: a full name, an id or a display name.

    Raises:
        InvalidArgumentError: The name is empty or not a text.
    """
    name = resource if isinstance(resource, str) else getattr(resource, "name", None)
    kind = noun(collection)
    field = kind.replace(" ", "_")
    if not isinstance(name, str):
        raise InvalidArgumentError.of(field, f"must be a {kind} or its name, not a {type(resource).__name__}")
    if not name.strip():
        raise InvalidArgumentError.of(field, f"must not be empty; pass the name of a {kind}")
    if problem := text_problem(name):
        raise InvalidArgumentError.of(field, problem)
    return name


def is_full_name(text: str) -> bool:
    """Return whether a text has the form of a resource name, as opposed to an id or a display name."""
    return text.startswith(("tenants/", "baseModels/"))


def may_be_id(text: str) -> bool:
    """Return whether a text has the form of an id, the last part of a resource name."""
    return _ID.fullmatch(text) is not None


def noun(collection: str) -> str:
    """Return the noun for a resource of a collection, such as `tuned model` for `tunedModels`."""
    plural = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", collection.rsplit("/", 1)[-1]).lower()
    return f"{plural[:-3]}y" if plural.endswith("ies") else plural.removesuffix("s")


def name_by_display_name(text: str, resources: Iterable[Any], collection: str) -> str | None:
    """Return the name of the only resource that is called `text`; None if there is no such resource.

    A deployment is also found by its serving name, and by its id in spaces other than `default`. A run and its tuned
    model are also found without the number that the service appended, so `complaints` finds `complaints (1)`.

    Args:
        resources: All resources of the collection.

    Raises:
        InvalidArgumentError: Several resources have that name; the message lists their ids and times.
    """
    listed = list(resources)
    keys: tuple[Callable[[Any], Any], ...] = (
        lambda item: getattr(item, "serving_name", None),
        lambda item: item.name.rsplit("/", 1)[-1],
        lambda item: item.display_name,
        lambda item: _NUMBER.sub("", item.display_name),
    )
    for key in keys:
        found = [item for item in listed if key(item) == text]
        if len(found) > 1:
            raise _ambiguous(text, found, collection)
        if found:
            return str(found[0].name)
    return None


def near_name(text: str, resources: Iterable[Any]) -> str:
    """Return the sentence that suggests a resource whose name is spelt almost like `text`; empty if there is none."""
    names = [name for item in resources for name in (getattr(item, "serving_name", ""), item.display_name)]
    found = [name for name in names if name]
    return did_you_mean(text, [*(_NUMBER.sub("", name) for name in found), *found]).removeprefix(".")


def _ambiguous(text: str, found: list[Any], collection: str) -> InvalidArgumentError:
    kind = noun(collection)
    shown = [_describe(item) for item in found[:_MOST_LISTED]]
    if len(found) > _MOST_LISTED:
        shown.append(f"and {len(found) - _MOST_LISTED} more")
    return InvalidArgumentError.of(
        kind.replace(" ", "_"),
        f"{len(found)} {kind}s are called {text!r}. Use the id of one of them: {', '.join(shown)}",
        reason="NAME_AMBIGUOUS",
    )


def _describe(item: Any) -> str:
    """Return the id of a resource, or the full name if the id is not enough, with its version and its time."""
    name = item.name if "/spaces/" in item.name else item.name.rsplit("/", 1)[-1]
    facts = [f"version {item.version}"] if hasattr(item, "version") else []
    facts += [f"created {item.create_time:%Y-%m-%d %H:%M:%S} UTC"] if item.create_time else []
    return f"{name} ({', '.join(facts)})" if facts else name


def new_request_id() -> str:
    """Return an id that makes repeated sends of one mutation idempotent."""
    return uuid.uuid4().hex


def run_references(
    within: str, dataset: Reference, validation_dataset: Reference | None, parameters: TuneParameters | None
) -> dict[str, tuple[Reference, str]]:
    """Return the resources that a run names, with their collections, by the path of the field for the name.

    Args:
        within: Path of the run in its request.
    """
    references: dict[str, tuple[Reference, str]] = {f"{within}.dataset": (dataset, "datasets")}
    if validation_dataset is not None:
        references[f"{within}.validation_dataset"] = (validation_dataset, "datasets")
    if parameters is not None and parameters.init_tuned_model:
        references[f"{within}.parameters.init_tuned_model"] = (parameters.init_tuned_model, "tunedModels")
    return references


def prompt_id(display_name: str) -> str:
    """Return an id made of a display name, such as `support-triage`; empty if it has no letter or digit of an id."""
    return re.sub(r"[^a-z0-9]+", "-", display_name.lower())[:63].strip("-")
