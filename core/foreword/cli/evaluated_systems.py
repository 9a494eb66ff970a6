"""The systems of `foreword evaluate`: models as they are named, and base models as they are asked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import click

from foreword.errors import FieldViolation, InvalidArgumentError

if TYPE_CHECKING:
    from foreword.client import Client, EvaluatedSystem, Evaluation

_SHOTS = 3
"""Number of examples of the base model that `--base` adds, unless `--shots` sets another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """How base models are asked.

    Attributes:
        base: Whether the base model of the first system is added.
        shots: Number of examples in each request; None if it was not set.
        instruction: Instruction before the input; empty for none.
        constrained: Whether the answers of named base models are restricted to label sets.
    """

    base: bool
    shots: int | None
    instruction: str
    constrained: bool

    @property
    def is_default(self) -> bool:
        """True if all models are evaluated as they are."""
        return not (self.base or self.shots or self.instruction or self.constrained)


def choose_systems(client: Client, models: Sequence[str], planned: Evaluation, asking: Asking) -> list[EvaluatedSystem]:
    """Return the systems to evaluate: each named model, and the base model of the first in several ways.

    Args:
        models: Models as the user named them.
        planned: The evaluation of these models as they are, which the service has checked.

    Raises:
        UsageError: An option for base models is set, but there is none.
    """
    from foreword.client import EvaluatedSystem

    named: list[EvaluatedSystem] = []
    for model, system in zip(models, planned.systems, strict=True):
        if system.version.startswith("baseModels/"):
            named.append(
                EvaluatedSystem(
                    model=model,
                    shots=asking.shots or 0,
                    constrained=asking.constrained,
                    instruction=asking.instruction,
                    version=system.version,
                )
            )
        else:
            named.append(EvaluatedSystem(model=model, id=_id(model), version=system.version))
    added = _base_systems(client, planned, asking) if asking.base else []
    if not asking.is_default and not any(system.version.startswith("baseModels/") for system in [*named, *added]):
        raise click.UsageError(
            "--shots, --instruction and --constrained are for base models. Add --base, or a base model with "
            "--system baseModels/NAME."
        )
    known = [replace(system, model="", id="") for system in named]
    return _with_ids([*named, *(system for system in added if replace(system, model="", id="") not in known)])


@contextmanager
def naming_systems(models: Sequence[str]) -> Iterator[None]:
    """Make an error of the block name the model that is wrong: `--system complaints`.

    Args:
        models: Models as the user named them, in the order in which they were sent.
    """
    try:
        yield
    except InvalidArgumentError as error:
        violations = [
            FieldViolation(field=_field(item.field, models), description=item.description) for item in error.violations
        ]
        raise InvalidArgumentError(violations, reason=error.reason) from error


def _base_systems(client: Client, planned: Evaluation, asking: Asking) -> list[EvaluatedSystem]:
    """Return the base model of the first system without and with examples, free and restricted to label sets."""
    from foreword.client import EvaluatedSystem

    first = planned.systems[0].version
    base = first if first.startswith("baseModels/") else client.get_tuned_model(first).base_model
    closed = any(task.closed for task in client.list_tasks() if task.id == planned.task)
    return [
        EvaluatedSystem(model=base, shots=shots, constrained=constrained, instruction=asking.instruction, version=base)
        for constrained in ((False, True) if closed else (False,))
        for shots in (0, asking.shots or _SHOTS)
    ]


def _with_ids(systems: Sequence[EvaluatedSystem]) -> list[EvaluatedSystem]:
    """Return the systems with ids that tell them apart. The service names the systems of a single base model well."""
    several = len({system.version for system in systems if system.version.startswith("baseModels/")}) > 1
    found: list[EvaluatedSystem] = []
    taken: set[str] = set()
    for system in systems:
        id = system.id
        if several and system.version.startswith("baseModels/"):
            way = f"_{system.shots}_shot" + "_constrained" * system.constrained
            id = _id(str(system.version), most=63 - len(way)) + way
        number = 2
        unique = id
        while unique and unique in taken:
            unique = f"{id[:60]}_{number}"
            number += 1
        taken.add(unique)
        found.append(replace(system, id=unique))
    return found


def _id(model: str, *, most: int = 60) -> str:
    """Return an id that resembles the name of a model."""
    last = model.rsplit("/", 1)[-1].lower()
    return re.sub(r"[^a-z0-9_]+", "-", last)[:most].strip("-") or "tuned"


def _field(field: str, models: Sequence[str]) -> str:
    """Return the option of a field of a system; other fields as they are."""
    match = re.fullmatch(r"evaluation\.systems(?:\[(\d+)\](?:\.(\w+))?)?", field)
    if match is None or match[2] not in (None, "model", "id"):
        return field
    if match[1] is None:
        return "--system"
    return f"--system {models[int(match[1])]}" if int(match[1]) < len(models) else "--base"
