"""Parsing of requests to create evaluations."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import Final

from foreword.domain.evaluation import MAX_SHOTS, MAX_SYSTEMS
from foreword.domain.experiment import TaskOptions
from foreword.domain.templates import MAX_TEMPLATE, check_verbalizer
from foreword.domain.violations import Violations
from foreword.names import DatasetName, TenantName, check_id
from foreword.server.convert.parameters import parse_task_options
from foreword.server.convert.text_limits import MAX_DESCRIPTION, MAX_DISPLAY_NAME
from foreword.v1 import evaluation_pb2, evaluation_service_pb2

_MAX_MODEL: Final = 500
_SYSTEM_ID: Final = re.compile(r"[a-z0-9_-]{1,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedSystem:
    """A system of a request, whose model was not looked up yet. Its attributes are those of `EvaluatedSystem`."""

    id: str
    model: str
    shots: int
    constrained: bool
    instruction: str
    verbalizer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvaluation:
    """A parsed CreateEvaluation request, before any names are looked up.

    Attributes:
        tenant: Id of the tenant; None if the request names no parent.
        id: Id of the evaluation; None to generate one.
        dataset: None if only the systems are to be checked.
        task: Id of the task; empty for that of the tuned models, or to choose one that suits the rows.
        task_option_names: Names of the task options that are set.
        examples_dataset: None for that of the first tuned model.
    """

    tenant: str | None
    id: str | None
    display_name: str
    description: str
    dataset: DatasetName | None
    task: str
    task_options: TaskOptions
    task_option_names: tuple[str, ...]
    examples_dataset: DatasetName | None
    systems: tuple[AskedSystem, ...]
    validate_only: bool

    @property
    def datasets(self) -> tuple[DatasetName, ...]:
        """The names of all datasets that the request names."""
        return tuple(name for name in (self.dataset, self.examples_dataset) if name is not None)


def parse_new_evaluation(request: evaluation_service_pb2.CreateEvaluationRequest) -> NewEvaluation:
    """Parse a CreateEvaluation request."""
    violations = Violations()
    message = request.evaluation
    parent = violations.collect(lambda: TenantName.parse(request.parent, "parent")) if request.parent else None
    if request.evaluation_id:
        violations.collect(lambda: check_id(request.evaluation_id, "evaluation_id"))
    display_name = violations.name("evaluation.display_name", message.display_name, MAX_DISPLAY_NAME, required=True)
    description = violations.text("evaluation.description", message.description, MAX_DESCRIPTION)
    dataset = None
    if message.dataset or not request.validate_only:
        dataset = violations.collect(lambda: DatasetName.parse(message.dataset, "evaluation.dataset"))
    examples = None
    if message.examples_dataset:
        examples = violations.collect(
            lambda: DatasetName.parse(message.examples_dataset, "evaluation.examples_dataset")
        )
    task = violations.text("evaluation.task", message.task, MAX_DISPLAY_NAME)
    options = parse_task_options(violations, "evaluation.task_options", message.task_options)
    systems = _parse_systems(violations, message)
    violations.check()
    return NewEvaluation(
        tenant=None if parent is None else parent.tenant,
        id=request.evaluation_id or None,
        display_name=display_name,
        description=description,
        dataset=dataset,
        task=task,
        task_options=options,
        task_option_names=tuple(field.name for field, _ in message.task_options.ListFields()),
        examples_dataset=examples,
        systems=systems,
        validate_only=request.validate_only,
    )


def _parse_systems(violations: Violations, message: evaluation_pb2.Evaluation) -> tuple[AskedSystem, ...]:
    count = len(message.systems)
    if not 1 <= count <= MAX_SYSTEMS:
        violations.add("evaluation.systems", f"must hold 1 to {MAX_SYSTEMS} systems, not {count:,}")
    systems: list[AskedSystem] = []
    for place, item in enumerate(message.systems[:MAX_SYSTEMS]):
        prefix = f"evaluation.systems[{place}]"
        if item.id and not _SYSTEM_ID.fullmatch(item.id):
            violations.add(f"{prefix}.id", f"must be 1 to 63 of a-z, 0-9, _ and -; it is {item.id[:80]!r}")
        elif item.id and any(item.id == other.id for other in systems):
            violations.add(f"{prefix}.id", f"{item.id} is already the id of another system")
        verbalizer = violations.text(f"{prefix}.verbalizer", item.verbalizer, MAX_TEMPLATE)
        if 0 < len(verbalizer) <= MAX_TEMPLATE:
            violations.collect(partial(check_verbalizer, verbalizer, f"{prefix}.verbalizer"))
        systems.append(
            AskedSystem(
                id=item.id,
                model=violations.text(f"{prefix}.model", item.model, _MAX_MODEL, required=True),
                shots=violations.number(f"{prefix}.shots", item.shots, minimum=0, maximum=MAX_SHOTS),
                constrained=item.constrained,
                instruction=violations.text(f"{prefix}.instruction", item.instruction, MAX_TEMPLATE),
                verbalizer=verbalizer,
            )
        )
    return tuple(systems)
