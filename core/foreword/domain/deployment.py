"""Spaces, deployments and their revisions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from foreword.domain.capture import CAPTURES_NOTHING, CapturePolicy
from foreword.domain.deploy_policy import DeployPolicy, DeployVerdict
from foreword.domain.failure import Failure
from foreword.domain.model_reference import ModelReference
from foreword.domain.rollout import Rollout, RolloutState


class Stage(Enum):
    """The purpose of a space."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


class RevisionState(Enum):
    """State of a revision: PROBING -> READY | FAILED."""

    PROBING = "probing"
    READY = "ready"
    FAILED = "failed"


class DeploymentState(Enum):
    """State of a deployment, derived from its revisions."""

    INITIALIZING = "initializing"
    READY = "ready"
    FAILED = "failed"
    UPDATING = "updating"


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """A group of deployments, for development or for production.

    Attributes:
        policy: Condition that models must meet before they are deployed here; None for none.
    """

    tenant: str
    id: str
    display_name: str
    stage: Stage
    description: str
    tags: tuple[str, ...]
    policy: DeployPolicy | None
    etag: str
    creator: str
    create_time: datetime
    update_time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """A model that a deployment serves, served or is about to serve.

    Attributes:
        number: Number of the revision, counted from 1.
        probe_effect: Largest change in a token's log-probability caused by the artifact, in nats; 0 for a base model.
        rollout: How it gets its traffic; None if it was to serve all requests at once.
        verdict: Why the policy of the space accepted the model; None if it was not checked.
    """

    number: int
    model: ModelReference
    state: RevisionState
    failure: Failure | None
    probe_effect: float
    create_time: datetime
    rollout: Rollout | None = None
    verdict: DeployVerdict | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A serving name that points to a model.

    Attributes:
        serving_revision: Number of the revision that is served; 0 if none is.
        passed_over_revision: Revisions up to this number are not served automatically, because of a rollback.
        candidate_revision: Number of the revision whose rollout waits or runs; 0 if there is none.
        capture: Which of its requests are captured.
        revisions: Newest first.
    """

    tenant: str
    space: str
    id: str
    display_name: str
    serving_name: str
    description: str
    tags: tuple[str, ...]
    serving_revision: int
    passed_over_revision: int
    candidate_revision: int = 0
    capture: CapturePolicy = CAPTURES_NOTHING
    revisions: tuple[Revision, ...]
    etag: str
    creator: str
    create_time: datetime
    update_time: datetime

    @property
    def state(self) -> DeploymentState:
        """State of the deployment, derived from its revisions."""
        if self.serving_revision:
            return DeploymentState.READY if self.coming is None else DeploymentState.UPDATING
        return DeploymentState.FAILED if self.coming is None else DeploymentState.INITIALIZING

    @property
    def intended_model(self) -> ModelReference | None:
        """The model that is served or will be once it passes; an update to this model makes no new revision."""
        coming = self.coming
        intended = self.serving if coming is None or coming.number == self.candidate_revision else coming
        return None if intended is None else intended.model

    @property
    def coming(self) -> Revision | None:
        """The newest revision that is being probed and gets traffic if it passes; None if there is none."""
        passed = max(self.serving_revision, self.passed_over_revision)
        probing = (item for item in self.revisions if item.state is RevisionState.PROBING and item.number > passed)
        return next(probing, None)

    @property
    def serving(self) -> Revision | None:
        """The revision that is served; None if there is none."""
        return next((item for item in self.revisions if item.number == self.serving_revision), None)

    @property
    def candidate(self) -> Revision | None:
        """The revision whose rollout is running; None if there is none."""
        found = next((item for item in self.revisions if item.number == self.candidate_revision), None)
        running = found is not None and found.rollout is not None and found.rollout.state is RolloutState.RUNNING
        return found if running else None
