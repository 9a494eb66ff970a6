"""Corrections lead to a dataset, a run, a comparison and a promotion; the tests do the tuning themselves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from factories.api import create_experiment, deployment_request, make_file, upload, wait_for_deployment
from factories.bots import Access, Office, running_office
from factories.servers import RunningServer
from factories.stored import beat, make_snapshot
from factories.waiting import eventually
from foreword.client import Client, DeployPolicy, Evaluation
from foreword.domain.experiment import Progress
from foreword.errors import FailedPreconditionError
from foreword.samples import load_rows
from foreword_slack.hooks import Hooks, ModelChanged, hookimpl
from foreword_slack.learning.progress import show
from foreword_slack.payloads import DECLINE, PROMOTE, RETRAIN, ROLL_BACK
from foreword_slack.service import TenantService
from foreword_slack.store import RetrainingState, UnitOfWork
from foreword_slack.views import complaint as view
from foreword_slack.views.learning import RetrainingCard

LEARNING = {"propose_after": 6, "minimum_held_out_rows": 2, "held_out_share": 0.5, "most_per_corrector": 100}
ALWAYS_SERVICE = "Service"
ALWAYS_PLANNING = "Planning"
TAUGHT = 12  # complaints that people decide about; the words of three of them have them held out
TEXTS = [row["input"] for row in load_rows("complaints_unseen")]


class Recorder:
    """A plugin that records promotions and rollbacks."""

    def __init__(self) -> None:
        self.changes: list[bool] = []

    @hookimpl
    def model_changed(self, event: ModelChanged) -> None:
        self.changes.append(event.rolled_back)


class School:
    """A tenant whose served model always answers Service."""

    def __init__(self, server: RunningServer, tenant: str) -> None:
        self.server = server
        self.access = Access(endpoint=server.endpoint, tenant=tenant, key=server.new_key(tenant))
        stubs = server.stubs(self.access.key)
        self.model = server.tune_by_hand(create_experiment(stubs, upload(stubs).name).name, text=ALWAYS_SERVICE)
        created = stubs.deployments.CreateDeployment(deployment_request(self.model, serving_name="complaints"))
        wait_for_deployment(stubs, created.name)

    def tune(self, text: str) -> str:
        """Add another model."""
        stubs = self.server.stubs(self.access.key)
        return self.server.tune_by_hand(create_experiment(stubs, upload(stubs).name).name, text=text)

    def serve(self, model: str) -> None:
        """Deploy another model under the serving name, as an operator would without the bot."""
        with Client(self.access.endpoint, self.access.key) as client:
            client.update_deployment(client.list_deployments()[0], model=model, wait=True)

    def served(self) -> str:
        """Return the model that the deployment serves."""
        with Client(self.access.endpoint, self.access.key) as client:
            return client.list_deployments()[0].model


@pytest.fixture
def school(server: RunningServer, request: pytest.FixtureRequest) -> School:
    """A tenant for this test."""
    return School(server, f"school-{abs(hash(request.node.name)) % 10**8}")


@asynccontextmanager
async def taught(school: School, folder: Path, *, hooks: Hooks | None = None, **learning: Any) -> AsyncIterator[Office]:
    """An office in which people have corrected some complaints to one department."""
    async with running_office(
        school.access, folder, hooks=hooks, learning=LEARNING | learning, thresholds={"probability": 1.0}
    ) as office:
        for text in TEXTS[:TAUGHT]:
            office.ann.post(office.complaints, text)
        for number, asked in enumerate(await office.asked(TAUGHT)):
            person = (office.ann, office.bob)[number % 2]
            await person.choose(asked, view.CHOOSE, "Planning")
            await person.click(asked, view.DECIDE)
        await office.slack.wait_for(lambda: len(decided(office)) == TAUGHT, "all decisions")
        yield office


async def proposal(office: Office, words: str = "Retrain the model"):
    """Wait until the message about a retraining contains some words."""
    try:
        await office.slack.wait_for(lambda: about_learning(office, words), f"{words!r} in review")
    except TimeoutError as error:
        error.add_note("\n".join(post.shown_text for post in office.review_posts()[-3:]))
        raise
    return about_learning(office, words)[0]


def decided(office: Office) -> list[Any]:
    return [post for post in office.review_posts() if "decided: Planning" in post.shown_text]


def about_learning(office: Office, words: str) -> list[Any]:
    return [post for post in office.review_posts() if words in post.shown_text]


async def play_run(school: School, office: Office, text: str, *, curve: bool = False) -> None:
    """Wait for the run that the bot queued, and add its model; `curve` controls whether it has a learning curve."""

    async def queued() -> bool:
        found = await office.bot.store.read(office.workspace.id, lambda uow: uow.retrainings.latest(limit=1))
        await office.slack.clock.sleep(0.5)
        return bool(found and found[0].experiment)

    await eventually(queued)
    (retraining,) = await office.bot.store.read(office.workspace.id, lambda uow: uow.retrainings.latest(limit=1))
    experiment = retraining.experiment
    if curve:
        queue, second = school.server.queue, timedelta(seconds=60)
        lease = queue.lease("by hand", second)
        assert lease is not None
        points = [make_snapshot(sequence) for sequence in (1, 2, 3)]
        beat(queue, lease, progress=Progress(step=3), snapshots=points, duration=second)
        queue.release(lease)
    school.server.tune_by_hand(experiment, text=text)


async def test_a_better_model_is_offered_promoted_and_rolled_back_by_buttons(school, tmp_path):
    recorder = Recorder()
    async with taught(school, tmp_path, hooks=Hooks(recorder)) as office:
        post = await proposal(office)
        await office.boss.click(post, RETRAIN)
        await play_run(school, office, ALWAYS_PLANNING, curve=True)
        await proposal(office, "The new model is better. Promote it?")
        assert "neither model was trained on" in post.shown_text
        assert school.served() == school.model, "nothing is promoted before somebody says so"

        office.ann.open_home()
        await office.slack.wait_for(lambda: office.ann.home, "the App Home")
        assert "Last retrain: ready" in str(office.ann.home.content["blocks"])
        (picture,) = [block for block in office.ann.home.content["blocks"] if block["type"] == "image"]
        assert office.workspace.team.files[picture["slack_file"]["id"]].content.startswith(b"\x89PNG")

        await office.boss.click(post, PROMOTE)
        await proposal(office, "boss promoted the new model")
        promoted = school.served()
        await office.boss.click(post, ROLL_BACK)
        await proposal(office, "boss rolled back")

        assert promoted != school.model
        assert school.served() == school.model
        await eventually(lambda: recorder.changes == [False, True])
        audit, corrections = await office.bot.store.read(
            office.workspace.id, lambda uow: (uow.audit.lines(limit=1000), uow.corrections.all())
        )
        actions = [line.action for line in audit if line.action.startswith(("retrain", "promoted", "rolled"))]
        assert actions == [
            "retrain_proposed",
            "retrain_approved",
            "retrain_dataset",
            "retrain_started",
            "retrain_compared",
            "promoted",
            "rolled_back",
        ]
        assert all(correction.used_in for correction in corrections)


async def test_the_new_dataset_has_the_old_rows_the_corrections_and_no_held_out_row(school, tmp_path):
    async with taught(school, tmp_path) as office:
        await office.boss.click(await proposal(office), RETRAIN)
        await play_run(school, office, ALWAYS_PLANNING)
        await proposal(office, "Promote it?")
        (retraining,) = await office.bot.store.read(office.workspace.id, lambda uow: uow.retrainings.latest())

    with Client(school.access.endpoint, school.access.key) as client:
        rows = {row.input: row.output for row in client.list_dataset_rows(retraining.dataset)}
        (model,) = client.list_tuned_models(filter=f"tags.source = slack AND tags.workspace = {office.workspace.id}")
    assert model.name == retraining.tuned_model
    taught_rows = [text for text in TEXTS[:TAUGHT] if text in rows]
    assert len(rows) == 30 + len(taught_rows)
    assert {rows[text] for text in taught_rows} == {"Planning"}
    assert retraining.metrics["new"]["rows"] == TAUGHT - len(taught_rows) >= 2


async def test_a_model_that_is_no_better_is_not_offered(school, tmp_path):
    async with taught(school, tmp_path) as office:
        post = await proposal(office)
        await office.boss.click(post, RETRAIN)
        await play_run(school, office, ALWAYS_SERVICE)

        await proposal(office, "The new model is not better")

        with pytest.raises(LookupError):
            post.find_element(PROMOTE)
        assert school.served() == school.model


@pytest.mark.parametrize(("margin", "outcome"), [(-1.0, "boss promoted the new model"), (1.0, "refuses it")])
async def test_a_promotion_into_a_space_with_a_policy_runs_its_evaluation_and_keeps_to_it(
    school, tmp_path, margin: float, outcome: str
):
    with Client(school.access.endpoint, school.access.key) as client:
        dataset = client.upload_dataset(make_file(10), display_name="held out")
        client.update_space("default", policy=DeployPolicy(metric="micro_f1", dataset=dataset, margin=margin))
        async with taught(school, tmp_path) as office:
            post = await proposal(office)
            await office.boss.click(post, RETRAIN)
            await play_run(school, office, ALWAYS_PLANNING)
            await proposal(office, "The new model is better. Promote it?")

            await office.boss.click(post, PROMOTE)
            await proposal(office, "The new model is being evaluated")
            (evaluation,) = client.list_evaluations(filter="state = QUEUED")
            await asyncio.to_thread(school.server.evaluate, evaluation.name)
            await proposal(office, outcome)

    is_refused = margin > 0
    assert (school.served() == school.model) is is_refused
    assert ("On 10 test rows, the new model reaches a micro f1 of" in post.shown_text) is is_refused
    assert ("asks for +1.00 or more" in post.shown_text) is is_refused


async def test_an_evaluation_that_ends_right_after_the_refusal_counts(school, tmp_path, monkeypatch):
    ensure = TenantService.ensure_policy_evaluation

    async def end_at_once(service: TenantService, id: str, refusal: FailedPreconditionError) -> Evaluation:
        evaluation = await ensure(service, id, refusal)
        await asyncio.to_thread(school.server.evaluate, evaluation.name)
        return await ensure(service, id, refusal)

    monkeypatch.setattr(TenantService, "ensure_policy_evaluation", end_at_once)
    with Client(school.access.endpoint, school.access.key) as client:
        dataset = client.upload_dataset(make_file(10), display_name="held out")
        client.update_space("default", policy=DeployPolicy(metric="micro_f1", dataset=dataset, margin=-1.0))
        async with taught(school, tmp_path) as office:
            post = await proposal(office)
            await office.boss.click(post, RETRAIN)
            await play_run(school, office, ALWAYS_PLANNING)
            await proposal(office, "The new model is better. Promote it?")

            await office.boss.click(post, PROMOTE)

            await proposal(office, "boss promoted the new model")


async def test_only_administrators_decide(school, tmp_path):
    async with taught(school, tmp_path) as office:
        post = await proposal(office)

        await office.bob.click(post, RETRAIN)

        await office.slack.wait_for(lambda: office.bob.ephemerals(office.review))
        assert "Only administrators" in office.bob.ephemerals(office.review)[0].shown_text
        (retraining,) = await office.bot.store.read(office.workspace.id, lambda uow: uow.retrainings.latest())
        assert retraining.state is RetrainingState.PROPOSED


async def test_a_declined_proposal_is_not_repeated_at_the_next_correction(school, tmp_path):
    async with taught(school, tmp_path) as office:
        await office.boss.click(await proposal(office), DECLINE)
        await proposal(office, "boss declined")

        office.ann.post(office.complaints, TEXTS[20])
        await office.slack.wait_for(lambda: len([p for p in office.review_posts() if TEXTS[20][:30] in p.shown_text]))
        asked = next(post for post in office.review_posts() if TEXTS[20][:30] in post.shown_text)
        await office.bob.choose(asked, view.CHOOSE, "Planning")
        await office.bob.click(asked, view.DECIDE)
        await office.handled()

        assert about_learning(office, "Retrain the model") == []


async def test_one_persons_corrections_alone_do_not_make_a_proposal(school, tmp_path):
    async with taught(school, tmp_path, most_per_corrector=2) as office:
        await office.handled()

        assert about_learning(office, "Retrain the model") == []


async def test_a_model_that_was_deployed_meanwhile_is_compared_with(school, tmp_path):
    async with taught(school, tmp_path) as office:
        post = await proposal(office)
        await office.boss.click(post, RETRAIN)
        await play_run(school, office, ALWAYS_PLANNING)
        await proposal(office, "Promote it?")
        other = school.tune(ALWAYS_PLANNING)
        school.serve(other)

        await office.boss.click(post, PROMOTE)

        await proposal(office, "The new model is not better")
        assert school.served() == other


async def test_a_bot_that_is_stopped_during_a_run_continues_after_its_restart(school, tmp_path):
    async with taught(school, tmp_path) as office:
        post = await proposal(office)
        await office.boss.click(post, RETRAIN)
        await office.handled()
        await office.bot.stop()

        await office.restart(office.bot.config, school.access)
        await play_run(school, office, ALWAYS_PLANNING)

        await proposal(office, "Promote it?")


async def add_retraining(office: Office, state: RetrainingState, button: str, model: str, before: str, revision: int):
    """Add an earlier retraining and its message in the review channel.

    Args:
        before: The model that served until this one did.
        revision: The deployment's revision with that model.
    """
    measured = {"rows": 10, "right": 8, "micro_f1": 0.8}
    metrics = {"new": measured, "current": measured, "current_model": before, "current_revision": revision}
    (team,) = office.bot.teams.values()

    def add(uow: UnitOfWork) -> int:
        retraining = replace(uow.retrainings.propose(), state=state, tuned_model=model, metrics=metrics)
        uow.retrainings.save(retraining)
        show(uow, team, RetrainingCard(key=retraining.key, headline=f"About {model}", buttons=(button,)))
        return retraining.key

    key = await office.bot.store.write(office.workspace.id, add)
    post = await proposal(office, f"About {model}")
    return post, lambda: office.bot.store.read(office.workspace.id, lambda uow: uow.retrainings.get(key))


def offers(post: Any, button: str) -> bool:
    try:
        post.find_element(button)
    except LookupError:
        return False
    return True


async def test_a_rollback_while_another_model_serves_changes_nothing_and_is_reported(school, tmp_path):
    recorder = Recorder()
    async with running_office(school.access, tmp_path, hooks=Hooks(recorder)) as office:
        post, stored = await add_retraining(
            office, RetrainingState.PROMOTED, ROLL_BACK, "tunedModels/new", "tunedModels/old", 1
        )

        await office.boss.click(post, ROLL_BACK)
        await proposal(office, "Nothing was rolled back: another model has been deployed.")

        assert school.served() == school.model
        assert (await stored()).state is RetrainingState.PROMOTED
        assert not offers(post, ROLL_BACK)
        await office.handled()
        assert recorder.changes == []


async def test_a_rollback_that_the_service_refuses_shows_the_reason_and_can_be_retried(school, tmp_path):
    async with running_office(school.access, tmp_path) as office:
        post, stored = await add_retraining(
            office, RetrainingState.PROMOTED, ROLL_BACK, school.model, "tunedModels/old", 99
        )

        await office.boss.click(post, ROLL_BACK)
        await proposal(office, "The rollback failed")

        assert "99" in post.shown_text
        assert offers(post, ROLL_BACK)
        assert (await stored()).state is RetrainingState.PROMOTED


async def test_only_the_promotion_whose_model_serves_offers_a_rollback(school, tmp_path):
    first, second = school.tune(ALWAYS_PLANNING), school.tune(ALWAYS_SERVICE)
    school.serve(first)
    async with running_office(school.access, tmp_path) as office:
        older, _ = await add_retraining(office, RetrainingState.PROMOTED, ROLL_BACK, first, school.model, 1)
        newer, _ = await add_retraining(office, RetrainingState.READY, PROMOTE, second, first, 2)

        await office.boss.click(newer, PROMOTE)
        await office.slack.wait_for(lambda: offers(newer, ROLL_BACK) and not offers(older, ROLL_BACK))
        await office.boss.click(newer, ROLL_BACK)
        await office.slack.wait_for(lambda: offers(older, ROLL_BACK))
        assert school.served() == first
        await office.boss.click(older, ROLL_BACK)
        await office.slack.wait_for(lambda: "boss rolled back" in older.shown_text)

        assert school.served() == school.model
