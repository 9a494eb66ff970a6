"""Decisions of administrators about a new model: retrain, promote, roll back, or decline."""

from __future__ import annotations

from dataclasses import replace

from foreword.client import Deployment
from foreword.errors import FailedPreconditionError, ForewordError
from foreword_slack.hooks import ModelChanged
from foreword_slack.learning.policy import is_policy, meet_policy
from foreword_slack.learning.progress import await_service, fail, schedule_steps, short, show, stored_comparison
from foreword_slack.payloads import DECLINE, PROMOTE, RETRAIN, ROLL_BACK, LearningPayload
from foreword_slack.plugin_calls import notify_plugins
from foreword_slack.store import Event, Retraining, RetrainingState, UnitOfWork
from foreword_slack.team import Team
from foreword_slack.views.learning import RetrainingCard


async def click(event: Event, team: Team) -> None:
    """Handle an administrator's decision; reply to others that only administrators can decide."""
    decision = LearningPayload.read(event.payload)
    if decision.actor not in team.config.administrators:
        await team.store.write(team.id, lambda uow: _refuse(uow, team, event, decision))
        return
    if event.kind == PROMOTE:
        await _promote(event, team, decision)
    elif event.kind == ROLL_BACK:
        await _roll_back(event, team, decision)
    else:
        change = {RETRAIN: _begin, DECLINE: _decline}[event.kind]
        await team.store.write(team.id, lambda uow: change(uow, team, event, decision))


async def _promote(event: Event, team: Team, decision: LearningPayload) -> None:
    retraining = await team.store.read(team.id, lambda uow: uow.retrainings.get(decision.retraining))
    if retraining is None or retraining.state is not RetrainingState.READY or retraining.tuned_model is None:
        return
    deployment = await await_service(team.service.deployment(team.config.deployment))
    current = deployment.model if deployment else ""
    if current not in (retraining.metrics["current_model"], retraining.tuned_model):
        # Another model was deployed after the comparison.
        await team.store.write(team.id, lambda uow: _compare_again(uow, team, event, retraining))
        return
    if current != retraining.tuned_model:
        assert deployment is not None
        if not await _deploy(event, team, decision, retraining, deployment):
            return
    await _end_with(event, team, decision, retraining, RetrainingState.PROMOTED)


async def _deploy(
    event: Event,
    team: Team,
    decision: LearningPayload,
    retraining: Retraining,
    deployment: Deployment,
    *,
    is_evaluated: bool = False,
) -> bool:
    """Let a deployment serve the new model, or end the retraining with the reason, and return whether it serves."""
    try:
        await await_service(team.service.promote(deployment, str(retraining.tuned_model)))
        return True
    except FailedPreconditionError as refusal:
        if is_policy(refusal):
            # The evaluation may have ended after the refusal: then the policy is asked once more.
            if await meet_policy(event, team, decision, retraining, refusal, is_evaluated=is_evaluated):
                return await _deploy(event, team, decision, retraining, deployment, is_evaluated=True)
            return False
        message = refusal.message
    except ForewordError as error:
        message = error.message
    await team.store.write(team.id, lambda uow: fail(uow, team, event, retraining, message))
    return False


async def _roll_back(event: Event, team: Team, decision: LearningPayload) -> None:
    retraining = await team.store.read(team.id, lambda uow: uow.retrainings.get(decision.retraining))
    if retraining is None or retraining.state is not RetrainingState.PROMOTED:
        return
    try:
        deployment = await await_service(team.service.deployment(team.config.deployment))
        serving = deployment.model if deployment else ""
        if deployment is not None and serving == retraining.tuned_model:
            await await_service(team.service.roll_back(deployment, int(retraining.metrics["current_revision"])))
    except ForewordError as error:
        message = error.message
        await team.store.write(
            team.id, lambda uow: _report_not_rolled_back(uow, team, event, decision, retraining, error=message)
        )
        return
    if serving not in (retraining.tuned_model, retraining.metrics["current_model"]):
        await team.store.write(
            team.id, lambda uow: _report_not_rolled_back(uow, team, event, decision, retraining, serving=serving)
        )
        return
    await _end_with(event, team, decision, retraining, RetrainingState.ROLLED_BACK)


async def _end_with(
    event: Event, team: Team, decision: LearningPayload, retraining: Retraining, state: RetrainingState
) -> None:
    back = state is RetrainingState.ROLLED_BACK
    model = str(retraining.metrics["current_model"] if back else retraining.tuned_model)

    def change(uow: UnitOfWork) -> ModelChanged:
        uow.inbox.done(event)
        uow.retrainings.save(replace(retraining, state=state, actor=decision.actor))
        uow.audit.append(state.value, actor=decision.actor, facts={"retraining": retraining.key, "model": model})
        done = "rolled back to the previous model" if back else "promoted the new model"
        card = RetrainingCard(
            key=retraining.key,
            headline=f"{decision.actor_name} {done}.",
            facts=(f"The deployment {team.config.deployment} now serves {short(model)}.",),
            comparison=stored_comparison(retraining.metrics),
            buttons=() if back else (ROLL_BACK,),
        )
        show(uow, team, card)
        _show_other_promotions(uow, team, retraining, model)
        news = ModelChanged(
            key=f"{team.id}:{event.dedupe_key}",
            team=team.id,
            deployment=team.config.deployment,
            model=model,
            rolled_back=back,
            actor=decision.actor,
            time=uow.now,
        )
        notify_plugins(uow, team.hooks, news)
        return news

    team.observe(await team.store.write(team.id, change))


def _show_other_promotions(uow: UnitOfWork, team: Team, retraining: Retraining, serving: str) -> None:
    """Update the message of the preceding promotion: it offers a rollback only while its model serves."""
    model = str(retraining.metrics["current_model"])
    for other in uow.retrainings.latest(states=(RetrainingState.PROMOTED,)):
        if other.key == retraining.key or other.tuned_model != model:
            continue
        serves = model == serving
        card = RetrainingCard(
            key=other.key,
            headline="This model is serving again." if serves else "Another model has replaced this one.",
            facts=(f"Model {short(model)}.",),
            comparison=stored_comparison(other.metrics),
            buttons=(ROLL_BACK,) if serves else (),
        )
        show(uow, team, card)


def _report_not_rolled_back(
    uow: UnitOfWork,
    team: Team,
    event: Event,
    decision: LearningPayload,
    retraining: Retraining,
    *,
    serving: str = "",
    error: str = "",
) -> None:
    uow.inbox.done(event)
    facts = {"retraining": retraining.key, "serving": serving, "reason": error}
    uow.audit.append("not_rolled_back", actor=decision.actor, facts=facts)
    deployment = team.config.deployment
    if error:
        headline, fact = "The rollback failed. The new model is still serving.", error
    elif serving:
        headline = "Nothing was rolled back: another model has been deployed."
        fact = f"The deployment {deployment} serves {short(serving)}."
    else:
        headline, fact = "Nothing was rolled back: no model is serving.", f"There is no deployment {deployment}."
    card = RetrainingCard(
        key=retraining.key,
        headline=headline,
        facts=(fact,),
        comparison=stored_comparison(retraining.metrics),
        buttons=(ROLL_BACK,) if error else (),
    )
    show(uow, team, card)


def _begin(uow: UnitOfWork, team: Team, event: Event, decision: LearningPayload) -> None:
    uow.inbox.done(event)
    retraining = uow.retrainings.get(decision.retraining)
    if retraining is None or retraining.state is not RetrainingState.PROPOSED:
        return
    uow.retrainings.save(replace(retraining, state=RetrainingState.TUNING, actor=decision.actor))
    uow.audit.append("retrain_approved", actor=decision.actor, facts={"retraining": retraining.key})
    show(uow, team, RetrainingCard(key=retraining.key, headline=f"{decision.actor_name} started a retrain."))
    schedule_steps(uow, retraining, "first")


def _compare_again(uow: UnitOfWork, team: Team, event: Event, retraining: Retraining) -> None:
    uow.inbox.done(event)
    uow.retrainings.save(replace(retraining, state=RetrainingState.TUNING))
    headline = "Another model was deployed meanwhile. Comparing the new model with it."
    show(uow, team, RetrainingCard(key=retraining.key, headline=headline))
    schedule_steps(uow, retraining, event.dedupe_key)


def _decline(uow: UnitOfWork, team: Team, event: Event, decision: LearningPayload) -> None:
    uow.inbox.done(event)
    retraining = uow.retrainings.get(decision.retraining)
    if retraining is None or retraining.state not in (RetrainingState.PROPOSED, RetrainingState.READY):
        return
    uow.retrainings.save(replace(retraining, state=RetrainingState.DECLINED, actor=decision.actor))
    uow.audit.append("retrain_declined", actor=decision.actor, facts={"retraining": retraining.key})
    headline = f"{decision.actor_name} declined. The current model keeps serving."
    card = RetrainingCard(key=retraining.key, headline=headline, comparison=stored_comparison(retraining.metrics))
    show(uow, team, card)


def _refuse(uow: UnitOfWork, team: Team, event: Event, decision: LearningPayload) -> None:
    uow.inbox.done(event)
    shown = {"text": "Only administrators of the bot can do this. Ask one of them."}
    uow.posts.ephemeral(f"refused:{event.dedupe_key}", team.config.review_channel, decision.actor, shown)
