"""The steps of a retraining: dataset, run, comparison. The inbox drives them, so that they survive `kill -9`.

Each step reads the row, does the next slow operation, and stores its result. After a crash, the repeated step finds the
dataset or run that it had created.
"""

from __future__ import annotations

from dataclasses import asdict, replace

from foreword.client import JobState, TuneExperiment
from foreword.errors import ForewordError
from foreword_slack.comparison import Comparison, score
from foreword_slack.inbox import PostponedError
from foreword_slack.learning.material import Material, as_rows, digest, gather
from foreword_slack.learning.progress import ASK_AGAIN_SECONDS, fail, short, show
from foreword_slack.payloads import DECLINE, PROMOTE, StepPayload
from foreword_slack.pictures import upload_learning_curve
from foreword_slack.service import is_transient
from foreword_slack.store import Correction, Event, Retraining, RetrainingState, UnitOfWork
from foreword_slack.team import Team
from foreword_slack.views.learning import RetrainingCard

_LOOK_AGAIN_SECONDS = 5.0


async def step(event: Event, team: Team) -> None:
    """Do the next step of a retraining.

    Raises:
        PostponedError: The run is still in progress, or the service is unavailable.
    """
    key = StepPayload.read(event.payload).retraining
    retraining = await team.store.read(team.id, lambda uow: uow.retrainings.get(key))
    if retraining is None or retraining.state is not RetrainingState.TUNING:
        return
    try:
        if retraining.dataset is None:
            retraining = await _make_dataset(team, retraining)
        if retraining.experiment is None:
            retraining = await _start_run(team, retraining)
        assert retraining.experiment is not None
        run = await team.service.experiment(retraining.experiment)
        if not run.state.ended:
            await team.store.write(team.id, lambda uow: _show_progress(uow, team, retraining, run))
            raise PostponedError(_LOOK_AGAIN_SECONDS, "the run is in progress")
        if run.state is not JobState.SUCCEEDED:
            reason = run.failure.message if run.failure else f"The run is {run.state.value}."
            await team.store.write(team.id, lambda uow: fail(uow, team, event, retraining, reason))
            return
        await _compare(event, team, retraining, run)
    except ForewordError as error:
        if is_transient(error):
            raise PostponedError(ASK_AGAIN_SECONDS, error.reason) from error
        message = error.message
        await team.store.write(team.id, lambda uow: fail(uow, team, event, retraining, message))


async def _make_dataset(team: Team, retraining: Retraining) -> Retraining:
    material = await gather(team)
    rows = as_rows(material.rows.training)
    dataset = await team.service.ensure_dataset(
        f"Slack {team.id} {digest(rows)}", rows, f"{len(material.unused)} corrections from Slack added."
    )

    def change(uow: UnitOfWork) -> Retraining:
        uow.corrections.mark_used(_included(uow, material), dataset.name)
        uow.audit.append("retrain_dataset", facts={"retraining": retraining.key, "dataset": dataset.name})
        changed = replace(retraining, dataset=dataset.name)
        uow.retrainings.save(changed)
        return changed

    return await team.store.write(team.id, change)


async def _start_run(team: Team, retraining: Retraining) -> Retraining:
    assert retraining.dataset is not None
    material = await gather(team)
    run = await team.service.ensure_experiment(
        f"slack-{retraining.dataset.rsplit('/', 1)[-1][:40].lower()}-{retraining.key}",
        dataset=retraining.dataset,
        display_name=f"{team.config.deployment} from Slack",
        like=material.model,
        num_epochs=team.config.learning.num_epochs,
        tags={"source": "slack", "workspace": team.id, "deployment": team.config.deployment},
    )

    def change(uow: UnitOfWork) -> Retraining:
        uow.audit.append("retrain_started", facts={"retraining": retraining.key, "experiment": run.name})
        changed = replace(retraining, experiment=run.name)
        uow.retrainings.save(changed)
        return changed

    return await team.store.write(team.id, change)


async def _compare(event: Event, team: Team, retraining: Retraining, run: TuneExperiment) -> None:
    """Evaluate both models on the rows that neither was trained on."""
    assert retraining.dataset is not None
    material = await gather(team, trained_on=[retraining.dataset])
    rows = material.rows.held_out
    minimum = team.config.learning.minimum_held_out_rows
    if len(rows) < minimum:
        reason = f"Only {len(rows)} evaluation rows are left, but the minimum is {minimum}."
        await team.store.write(team.id, lambda uow: fail(uow, team, event, retraining, reason))
        return
    expected = [frozenset(row.labels) for row in rows]
    texts = [row.input for row in rows]
    comparison = Comparison(
        current=score(expected, await team.service.labels(material.deployment.model, texts)),
        new=score(expected, await team.service.labels(run.tuned_model, texts)),
    )
    better = comparison.better(team.config.learning.minimum_improvement)
    metrics = {
        "curve": await upload_learning_curve(team, run.name),
        "new": asdict(comparison.new),
        "current": asdict(comparison.current),
        "current_model": material.deployment.model,
        "current_revision": material.deployment.serving_revision,
    }

    def change(uow: UnitOfWork) -> None:
        uow.inbox.done(event)
        state = RetrainingState.READY if better else RetrainingState.REJECTED
        uow.retrainings.save(replace(retraining, state=state, tuned_model=run.tuned_model, metrics=metrics))
        uow.audit.append("retrain_compared", facts={"retraining": retraining.key, "better": better, **metrics})
        headline = (
            "The new model is better. Promote it?"
            if better
            else "The new model is not better. The current model keeps serving."
        )
        card = RetrainingCard(
            key=retraining.key,
            headline=headline,
            facts=tuple(fact for fact in (run.curve_advice, f"Model {short(run.tuned_model)}.") if fact),
            comparison=comparison,
            buttons=(PROMOTE, DECLINE) if better else (),
        )
        show(uow, team, card)

    await team.store.write(team.id, change)


def _show_progress(uow: UnitOfWork, team: Team, retraining: Retraining, run: TuneExperiment) -> None:
    loss = "" if run.progress.loss is None else f", loss {run.progress.loss:.2f}"
    facts = (f"{run.progress.percent:.0f} % done{loss}.",)
    show(uow, team, RetrainingCard(key=retraining.key, headline="A new model is being tuned.", facts=facts))


def _included(uow: UnitOfWork, material: Material) -> list[Correction]:
    """Return the corrections that were read and not changed since."""
    looked_at = {(item.complaint, item.actor): item for item in material.unused}
    return [item for item in uow.corrections.unused() if looked_at.get((item.complaint, item.actor)) == item]
