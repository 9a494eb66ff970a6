"""What tenants have used, by day, model and kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final

from foreword.domain.job import JobKind


class UsageKind(Enum):
    """What is counted."""

    REQUESTS = "requests"
    """Answers to Generate, StreamGenerate, Classify and the requests of BatchGenerate."""
    INPUT_TOKENS = "input_tokens"
    """Tokens of their inputs, without soft prompts."""
    OUTPUT_TOKENS = "output_tokens"
    """Tokens of their answers."""
    VIRTUAL_TOKENS = "virtual_tokens"
    """Soft-prompt vectors in front of their inputs."""
    TUNING_TOKENS = "tuning_tokens"
    """Tokens on which tuning runs were trained."""
    EVALUATION_TOKENS = "evaluation_tokens"
    """Tokens of the requests and the answers of evaluations."""
    BATCH_TOKENS = "batch_tokens"
    """Tokens of the inputs and the answers of batch jobs."""
    CAPACITY_UNIT_HOURS = "capacity_unit_hours"
    """Compute time of all jobs in hours."""


TOKENS_OF_JOBS: Final[Mapping[JobKind, UsageKind]] = MappingProxyType(
    {
        JobKind.TUNE: UsageKind.TUNING_TOKENS,
        JobKind.EVALUATE: UsageKind.EVALUATION_TOKENS,
        JobKind.BATCH: UsageKind.BATCH_TOKENS,
    }
)
"""What the tokens of each kind of job are counted as."""


@dataclass(frozen=True, slots=True, order=True)
class UsageKey:
    """What an amount belongs to.

    Attributes:
        day: Day in UTC, such as `2026-01-31`.
        model: Resource name of the model that answered or, for jobs, of the base model.
        kind: Value of a `UsageKind`.
    """

    tenant: str
    day: str
    model: str
    kind: str


class UsageField(Enum):
    """A field by which usage is summed up; the kind always is one, because kinds have different units."""

    TENANT = "tenant"
    DAY = "day"
    MODEL = "model"


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """An amount that was used. Fields over which it was summed up are empty.

    Attributes:
        tenant: Id of the tenant.
        day: Day in UTC, such as `2026-01-31`.
        model: Resource name of the model that answered or, for jobs, of the base model.
        kind: What was counted.
        amount: In units of the kind.
    """

    tenant: str
    day: str
    model: str
    kind: UsageKind
    amount: float
