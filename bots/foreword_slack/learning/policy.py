"""Promotions into a space with a policy: the evaluation that it needs, and its refusal in plain words."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from foreword.client import JobState
from foreword.errors import FailedPreconditionError, ForewordError
from foreword_slack.inbox import PostponedError
from foreword_slack.learning.progress import await_service, fail, short, show, stored_comparison
from foreword_slack.payloads import LearningPayload
from foreword_slack.store import Event, Retraining, RetrainingState, UnitOfWork
from foreword_slack.team import Team
from foreword_slack.views.learning import RetrainingCard

_NOT_EVALUATED: Final = "POLICY_NOT_EVALUATED"
_NOT_MET: Final = "POLICY_NOT_MET"
_LOOK_AGAIN_SECONDS: Final = 5.0


def is_policy(refusal: FailedPreconditionError) -> bool:
    """Return whether the policy of the space refuses a model, or has to be asked again after an evaluation."""
    return refusal.reason in (_NOT_EVALUATED, _NOT_MET)


async def meet_policy(
    event: Event,
    team: Team,
    decision: LearningPayload,
    retraining: Retraining,
    refusal: FailedPreconditionError,
    *,
    is_evaluated: bool,
) -> bool:
    """Run the evaluation that the policy needs, or end the retraining if the policy refuses its model.

    Args:
        is_evaluated: Whether the evaluation had succeeded when the policy was asked.

    Returns:
        Whether the evaluation has succeeded since then, so that the policy is to be asked again.

    Raises:
        PostponedError: The evaluation is in progress. The promotion is to be tried again.
    """
    if refusal.reason == _NOT_MET:
        await team.store.write(team.id, lambda uow: _refuse(uow, team, event, decision, retraining, refusal))
        return False
    # The id names the baseline, so that a model which was deployed meanwhile gets an evaluation of its own.
    names = f"slack-{retraining.key}-{short(refusal.metadata['model'])}-{short(refusal.metadata['baseline'])}"
    id = re.sub(r"[^a-z0-9-]", "-", names.lower())[:63]
    try:
        evaluation = await await_service(team.service.ensure_policy_evaluation(id, refusal))
    except ForewordError as error:
        message = error.message
        await team.store.write(team.id, lambda uow: fail(uow, team, event, retraining, message))
        return False
    if not evaluation.state.ended:
        percent = evaluation.progress.percent
        await team.store.write(team.id, lambda uow: _show_progress(uow, team, retraining, percent))
        raise PostponedError(_LOOK_AGAIN_SECONDS, "the evaluation is in progress")
    if evaluation.state is JobState.SUCCEEDED:
        if not is_evaluated:
            return True
        reason = "The evaluation that the policy needs is outdated. Retrain the model."
    else:
        reason = evaluation.failure.message if evaluation.failure else f"The evaluation is {evaluation.state.value}."
    await team.store.write(team.id, lambda uow: fail(uow, team, event, retraining, reason))
    return False


def _show_progress(uow: UnitOfWork, team: Team, retraining: Retraining, percent: float) -> None:
    card = RetrainingCard(
        key=retraining.key,
        headline="The new model is being evaluated, as the policy of the space demands.",
        facts=(f"{percent:.0f} % done. Then it is promoted if it meets the policy.",),
        comparison=stored_comparison(retraining.metrics),
    )
    show(uow, team, card)


def _refuse(
    uow: UnitOfWork,
    team: Team,
    event: Event,
    decision: LearningPayload,
    retraining: Retraining,
    refusal: FailedPreconditionError,
) -> None:
    uow.inbox.done(event)
    uow.retrainings.save(
        replace(retraining, state=RetrainingState.REJECTED, actor=decision.actor, reason=refusal.message)
    )
    facts = {"retraining": retraining.key, "model": str(retraining.tuned_model), "reason": refusal.message}
    uow.audit.append("promotion_refused", actor=decision.actor, facts=facts)
    card = RetrainingCard(
        key=retraining.key,
        headline="The new model was not promoted: the policy of its space refuses it. The current model keeps serving.",
        facts=(_in_words(refusal), f"Model {short(str(retraining.tuned_model))}."),
        comparison=stored_comparison(retraining.metrics),
    )
    show(uow, team, card)


def _in_words(refusal: FailedPreconditionError) -> str:
    """Return why a policy refuses a model, for people who do not know its terms."""
    facts = refusal.metadata
    names = ("metric", "value", "baseline_value", "lower", "upper", "margin", "row_count", "min_row_count")
    if not all(name in facts for name in names):
        return refusal.message
    metric = facts["metric"].replace("_", " ")
    value, baseline, lower, upper, margin = (
        float(facts[name]) for name in ("value", "baseline_value", "lower", "upper", "margin")
    )
    rows, needed = int(facts["row_count"]), int(facts["min_row_count"])
    found = (
        f"On {rows:,} test rows, the new model reaches a {metric} of {value:.2f}, the current one {baseline:.2f}. The "
        f"difference for all such texts lies between {lower:+.2f} and {upper:+.2f}."
    )
    if rows < needed:
        return f"{found} The policy asks for at least {needed:,} rows."
    if upper < margin:
        return f"{found} The policy asks for {margin:+.2f} or more, so the new model is not good enough."
    return f"{found} The policy asks for {margin:+.2f} or more even at the lower end, which these rows do not show."
