from __future__ import annotations

from datetime import UTC, datetime

import pytest

from foreword.domain.deployment import Deployment, Revision, RevisionState
from foreword.domain.model_reference import ModelReference
from foreword.server.convert.deployment import deployment
from foreword.v1 import deployment_pb2

NOW = datetime(2026, 1, 31, tzinfo=UTC)
READY, PROBING, FAILED = RevisionState.READY, RevisionState.PROBING, RevisionState.FAILED


def make_deployment(*states: RevisionState, serving: int = 0, passed_over: int = 0) -> Deployment:
    """A deployment whose revision `n` serves the base model `m<n>`."""
    revisions = [
        Revision(
            number=number,
            model=ModelReference(base_model=f"m{number}"),
            state=state,
            failure=None,
            probe_effect=0.0,
            create_time=NOW,
        )
        for number, state in enumerate(states, 1)
    ]
    return Deployment(
        tenant="acme",
        space="default",
        id="triage",
        display_name="triage",
        serving_name="triage",
        description="",
        tags=(),
        serving_revision=serving,
        passed_over_revision=passed_over,
        revisions=tuple(reversed(revisions)),
        etag="",
        creator="",
        create_time=NOW,
        update_time=NOW,
    )


@pytest.mark.parametrize(
    ("item", "model", "state"),
    [
        (make_deployment(PROBING), "m1", "STATE_INITIALIZING"),
        (make_deployment(FAILED), "m1", "STATE_FAILED"),
        (make_deployment(READY, serving=1), "m1", "STATE_READY"),
        (make_deployment(READY, PROBING, serving=1), "m2", "STATE_UPDATING"),
        (make_deployment(READY, FAILED, serving=1), "m1", "STATE_READY"),
        (make_deployment(READY, PROBING, serving=1, passed_over=2), "m1", "STATE_READY"),
        (make_deployment(READY, PROBING, PROBING, serving=1, passed_over=2), "m3", "STATE_UPDATING"),
    ],
    ids=["first", "failed", "ready", "updating", "update failed", "rolled back while probing", "updated after that"],
)
def test_a_deployment_shows_the_model_that_serves_or_is_about_to(item: Deployment, model: str, state: str):
    message = deployment(item)

    assert message.model == f"baseModels/{model}"
    assert deployment_pb2.Deployment.State.Name(message.state) == state
