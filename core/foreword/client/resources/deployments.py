"""Spaces and deployments."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from foreword.client.policy_resources import DeployPolicy, DeployVerdict
from foreword.client.rollout_resources import Rollout
from foreword.domain.capture import CAPTURES_NOTHING, CapturePolicy, CaptureUsage
from foreword.domain.deployment import DeploymentState, RevisionState, Stage
from foreword.domain.failure import Failure
from foreword.domain.report import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """A group of deployments, for development or for production.

    Attributes:
        policy: Condition that models must meet before they are deployed here; None for none.
        warnings: Warnings, such as that a production space has no policy.
    """

    name: str
    display_name: str
    stage: Stage
    description: str
    tags: tuple[str, ...]
    policy: DeployPolicy | None
    etag: str
    warnings: tuple[Finding, ...]
    creator: str
    create_time: datetime | None
    update_time: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentRevision:
    """A model that a deployment serves, served or is about to serve.

    Attributes:
        probe_effect: Largest change in a token's log-probability caused by the adapter in the probe, in nats.
        rollout: How it gets its traffic; None if it was to serve all requests at once.
        verdict: Why the policy of the space accepted the model; None if it was not checked.
    """

    revision: int
    model: str
    state: RevisionState
    failure: Failure | None
    probe_effect: float
    create_time: datetime | None
    rollout: Rollout | None = None
    verdict: DeployVerdict | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A serving name that points to a model.

    Attributes:
        model: Model of the revision that is served, or of the newest revision if none is.
        failure: Reason why the newest revision is not served; None unless it failed or was rolled back by its figures.
        serving_revision: Number of the revision that is served; 0 if none is.
        candidate_revision: Number of the revision whose rollout waits for its probe or runs; 0 if there is none.
        capture: Which requests are captured, and how long they are kept.
        capture_usage: How much of their room the captured requests take; None in lists, and if nothing is captured and
            nothing was.
        revisions: Newest first.
    """

    name: str
    display_name: str
    serving_name: str
    description: str
    tags: tuple[str, ...]
    model: str
    state: DeploymentState
    failure: Failure | None
    serving_revision: int
    revisions: tuple[DeploymentRevision, ...]
    creator: str
    create_time: datetime | None
    update_time: datetime | None
    etag: str
    candidate_revision: int = 0
    capture: CapturePolicy = CAPTURES_NOTHING
    capture_usage: CaptureUsage | None = None

    @property
    def candidate(self) -> DeploymentRevision | None:
        """The revision whose rollout waits or runs; None if there is none."""
        return next((item for item in self.revisions if item.revision == self.candidate_revision), None)
