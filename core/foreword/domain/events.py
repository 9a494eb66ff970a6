"""Events: what has happened in a tenant, as it is sent to webhooks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

ALL_KINDS: Final = "*"
"""The pattern of all kinds, also of those that later versions add."""


class EventKind(Enum):
    """Kind of an event: the noun and what has happened to it.

    To add one, add its line here and in `deploy/webhooks.md`, and call `storage.events.outbox.publish` in the
    transaction that makes the change.
    """

    TUNE_EXPERIMENT_SUCCEEDED = "tune_experiment.succeeded"
    TUNE_EXPERIMENT_FAILED = "tune_experiment.failed"
    TUNE_EXPERIMENT_CANCELLED = "tune_experiment.cancelled"
    TUNE_SWEEP_SUCCEEDED = "tune_sweep.succeeded"
    TUNE_SWEEP_FAILED = "tune_sweep.failed"
    TUNE_SWEEP_CANCELLED = "tune_sweep.cancelled"
    EVALUATION_SUCCEEDED = "evaluation.succeeded"
    EVALUATION_FAILED = "evaluation.failed"
    EVALUATION_CANCELLED = "evaluation.cancelled"
    BATCH_JOB_SUCCEEDED = "batch_job.succeeded"
    BATCH_JOB_FAILED = "batch_job.failed"
    BATCH_JOB_CANCELLED = "batch_job.cancelled"
    DEPLOY_GATE_PASSED = "deploy_gate.passed"
    DEPLOY_GATE_FORCED = "deploy_gate.forced"
    DEPLOY_GATE_REFUSED = "deploy_gate.refused"
    ROLLOUT_PROMOTED = "rollout.promoted"
    ROLLOUT_ROLLED_BACK = "rollout.rolled_back"
    ROLLOUT_EXPIRED = "rollout.expired"
    DEPLOYMENT_ROLLED_BACK = "deployment.rolled_back"
    DEPLOYMENT_DRIFTED = "deployment.drifted"


TEST_KIND: Final = "webhook.test"
"""The type of a test event. No webhook subscribes to it, and every webhook can be sent one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that has happened.

    Attributes:
        resource: Name of the resource that it has happened to.
        space: Id of the space of a deployment; None for events that belong to no space.
        data: More facts: names, states and figures, but no text of a dataset, a prompt or an answer, and no secret.
    """

    kind: EventKind
    resource: str
    space: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


def kind_patterns() -> tuple[str, ...]:
    """Return all patterns that select kinds: `*`, a noun such as `rollout.*`, and each kind by itself."""
    kinds = [kind.value for kind in EventKind]
    nouns = dict.fromkeys(f"{kind.partition('.')[0]}.*" for kind in kinds)
    return (ALL_KINDS, *nouns, *kinds)


def selects(patterns: Iterable[str], kind: EventKind) -> bool:
    """Return whether one of the patterns selects a kind."""
    noun = f"{kind.value.partition('.')[0]}.*"
    return any(pattern in (ALL_KINDS, noun, kind.value) for pattern in patterns)
