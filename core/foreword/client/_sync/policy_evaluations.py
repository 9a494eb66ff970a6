# Generated from `_async/policy_evaluations.py` by `unasync.py`. Change that file, then run: make client

"""The evaluations that the policies of spaces need."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from foreword.client._sync.evaluations import EvaluationMethods
from foreword.client.evaluation_resources import EvaluatedSystem, Evaluation
from foreword.errors import FailedPreconditionError

Answer = TypeVar("Answer")

NOT_EVALUATED = "POLICY_NOT_EVALUATED"


class PolicyEvaluationMethods(EvaluationMethods):
    """Methods about the evaluations that the policies of spaces need."""

    def create_policy_evaluation(self, refusal: FailedPreconditionError, *, evaluation_id: str = "") -> Evaluation:
        """Queue the evaluation without which a model was refused.

        Args:
            refusal: The error of `create_deployment` or `update_deployment` with the reason POLICY_NOT_EVALUATED.
            evaluation_id: Last part of the resource name. Default: chosen by the service.

        Raises:
            FailedPreconditionError: The refusal itself, if it has another reason.
            AlreadyExistsError: The id is taken.
        """
        if refusal.reason != NOT_EVALUATED:
            raise refusal
        facts = refusal.metadata
        constrained = facts["constrained"] == "true"
        systems = [
            EvaluatedSystem(model=model, constrained=constrained and model.startswith("baseModels/"))
            for model in (facts["model"], facts["baseline"])
        ]
        space = facts["resource"].rsplit("/", 1)[-1]
        return self.create_evaluation(
            facts["dataset"],
            systems,
            display_name=f"policy of {space}",
            description=f"Whether the policy of {facts['resource']} accepts {facts['model']}.",
            evaluation_id=evaluation_id,
        )

    def _evaluated(self, deploy: Callable[[], Answer], evaluates: bool) -> Answer:
        """Deploy a model; if the evaluation for the policy is missing and `evaluates`, run it and deploy then.

        Args:
            deploy: Sends the request, with a request id of its own in every call.
        """
        try:
            return deploy()
        except FailedPreconditionError as refusal:
            if not evaluates or refusal.reason != NOT_EVALUATED:
                raise
            self.wait_for_evaluation(self.create_policy_evaluation(refusal))
        return deploy()
