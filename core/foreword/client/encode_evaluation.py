"""Encoding of the systems that an evaluation asks."""

from __future__ import annotations

from collections.abc import Iterable

from foreword.client.evaluation_resources import EvaluatedSystem
from foreword.client.message import build, collected
from foreword.client.reference import Reference, reference_name
from foreword.v1 import evaluation_pb2

Systems = Iterable[Reference | EvaluatedSystem]
"""Systems to evaluate: models as they are, or `EvaluatedSystem` for base models that are asked in a certain way."""


def evaluated_systems(
    systems: Systems,
) -> tuple[list[evaluation_pb2.EvaluatedSystem], dict[str, tuple[Reference, str]]]:
    """Encode the systems of an evaluation.

    Returns:
        The systems without their models, and the references to these, by the path of the field for the name.

    Raises:
        InvalidArgumentError: The systems are a text instead of a list, or a value cannot be sent.
    """
    found: list[evaluation_pb2.EvaluatedSystem] = []
    references: dict[str, tuple[Reference, str]] = {}
    for place, item in enumerate(collected("systems", systems)):
        within = f"evaluation.systems[{place}]"
        system = item if isinstance(item, EvaluatedSystem) else EvaluatedSystem(model=item)
        reference_name(system.model, "models")  # refuses what cannot be a name
        found.append(
            build(
                evaluation_pb2.EvaluatedSystem,
                within,
                id=system.id,
                shots=system.shots,
                constrained=system.constrained,
                instruction=system.instruction,
                verbalizer=system.verbalizer,
            )
        )
        references[f"{within}.model"] = (system.model, "models")
    return found, references
