"""The inputs of a retrain: people's judgements and the training rows of the current model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from foreword.client import Deployment, TunedModel
from foreword.errors import FailedPreconditionError, NotFoundError
from foreword_slack.learning.examples import Example, Judgement, Split, split
from foreword_slack.store import AcknowledgementState, ComplaintState, Correction, UnitOfWork
from foreword_slack.team import Team

SEPARATOR = ", "
_MOST_CONFIRMED = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """The inputs of a retrain.

    Attributes:
        deployment: The current deployment.
        model: Its tuned model; None if it serves a base model.
        unused: Corrections that no dataset contains yet.
        rows: Training and evaluation rows.
    """

    deployment: Deployment
    model: TunedModel | None
    unused: tuple[Correction, ...]
    rows: Split


async def gather(team: Team, *, trained_on: Sequence[str] = ()) -> Material:
    """Collect the inputs from the store and the service.

    Args:
        trained_on: More training datasets, whose rows are not used for evaluation.

    Raises:
        FailedPreconditionError: There is no deployment with the configured name, or its training rows were deleted.
    """
    deployment = await team.service.deployment(team.config.deployment)
    if deployment is None:
        raise FailedPreconditionError(
            f"No deployment has the serving name {team.config.deployment}. Deploy a model under it first."
        )
    tuned = "/tunedModels/" in deployment.model
    model = await team.service.tuned_model(deployment.model) if tuned else None
    base = await _base(team, model)
    for dataset in trained_on:
        base += await examples(team, dataset)
    held_out = (
        await examples(team, team.config.learning.held_out_dataset) if team.config.learning.held_out_dataset else []
    )
    judgements, unused = await team.store.read(team.id, _judged)
    rows = split(
        judgements,
        base,
        held_out=held_out,
        held_out_share=team.config.learning.held_out_share,
        most_per_corrector=team.config.learning.most_per_corrector,
    )
    return Material(deployment=deployment, model=model, unused=tuple(unused), rows=rows)


async def examples(team: Team, dataset: str) -> list[Example]:
    """Return the rows of a dataset as examples."""
    return [Example(input=input, labels=read_labels(output)) for input, output in await team.service.rows(dataset)]


def read_labels(output: str) -> tuple[str, ...]:
    """Parse the labels of a row's output."""
    return tuple(label.strip() for label in output.split(SEPARATOR.strip()) if label.strip())


def as_rows(training: Iterable[Example]) -> list[dict[str, str]]:
    """Convert examples to rows of a dataset."""
    return [{"input": example.input, "output": SEPARATOR.join(example.labels)} for example in training]


def digest(rows: Sequence[dict[str, str]]) -> str:
    """Return a name for a set of rows; equal rows have equal names, so that a retry after a crash finds its dataset."""
    return hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()[:12]


async def _base(team: Team, model: TunedModel | None) -> list[Example]:
    for dataset in (model.dataset if model else "", team.config.learning.dataset):
        if not dataset:
            continue
        try:
            return await examples(team, dataset)
        except NotFoundError:
            continue  # deleted since
    raise FailedPreconditionError(
        "The training rows of the served model were deleted. Set learning.dataset to a dataset to start from."
    )


def _judged(uow: UnitOfWork) -> tuple[list[Judgement], list[Correction]]:
    """Return all judgements, oldest first, and the corrections that no dataset contains."""
    corrections = uow.corrections.all()
    judged = {correction.complaint for correction in corrections}
    judgements = []
    for complaint in reversed(uow.complaints.latest(states=[ComplaintState.ROUTED], limit=_MOST_CONFIRMED)):
        parts = uow.acknowledgements.of(complaint.id)
        taken = parts and all(part.state is AcknowledgementState.TAKEN for part in parts)
        if taken and complaint.id not in judged:
            example = Example(input=complaint.text, labels=tuple(complaint.departments))
            judgements.append(Judgement(example=example, actor=str(parts[0].actor), confirmed=True))
    for correction in corrections:
        example = Example(input=correction.input, labels=tuple(correction.corrected))
        judgements.append(Judgement(example=example, actor=correction.actor))
    return judgements, [correction for correction in corrections if correction.used_in is None]
