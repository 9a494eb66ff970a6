"""Fine-tuning jobs, driven by the official Python client."""

from __future__ import annotations

import openai
import pytest

from factories.api import LABELS
from factories.http import RunningHttp, running_http
from factories.openai_files import INSTRUCTION, chat_file, prompt_file, upload
from factories.servers import RunningServer
from foreword.client import Client

BASE = "baseModels/foreword--starter"


def test_a_job_is_queued_run_and_served_under_the_name_that_it_gives(
    ai: openai.OpenAI, server: RunningServer, service: Client, http: RunningHttp, tenant: str
):
    training, held_out = upload(ai, chat_file()), upload(ai, prompt_file(), "held-out.jsonl")
    rate = service.get_base_model("foreword--starter").recipes["prompt_tuning"].learning_rate

    job = ai.fine_tuning.jobs.create(
        model=BASE,
        training_file=training.id,
        validation_file=held_out.id,
        suffix="triage",
        seed=7,
        metadata={"team": "billing"},
        method={
            "type": "supervised",
            "supervised": {"hyperparameters": {"n_epochs": 3, "batch_size": "auto", "learning_rate_multiplier": 0.5}},
        },
    )

    assert (job.status, job.fine_tuned_model, job.error) == ("queued", None, None)
    assert (job.training_file, job.validation_file, job.seed) == (training.id, held_out.id, 7)
    assert job.hyperparameters.n_epochs == 3
    assert job.hyperparameters.learning_rate_multiplier == 0.5
    assert (job.metadata, job.organization_id) == ({"team": "billing"}, "http-tuning")
    experiment = service.get_tune_experiment(job.id.removeprefix("ftjob-"))
    assert experiment.parameters.learning_rate == pytest.approx(rate / 2)
    assert experiment.display_name.startswith("triage")
    assert list(ai.fine_tuning.jobs.checkpoints.list(job.id)) == []

    tuned = server.tune_by_hand(experiment.name)
    done = ai.fine_tuning.jobs.retrieve(job.id)

    name = f"ft:foreword--starter:http-tuning:triage:{tuned.rsplit('/', 1)[1]}"
    assert (done.status, done.fine_tuned_model) == ("succeeded", name)
    assert done.finished_at >= done.created_at
    (checkpoint,) = ai.fine_tuning.jobs.checkpoints.list(job.id)
    assert checkpoint.fine_tuned_model_checkpoint == name
    events = list(ai.fine_tuning.jobs.list_events(job.id, limit=1))
    assert events[0].message.startswith("The job has succeeded.")
    assert events[-1].message.startswith("Created the job triage")
    assert len({event.id for event in events}) == len(events)
    # Another process of HTTP has nothing but what the service stores.
    with running_http(server) as other, other.client(tenant) as client:
        messages = [{"role": "system", "content": INSTRUCTION}, {"role": "user", "content": "Where is it?"}]
        answer = client.chat.completions.create(model=name, messages=messages)
        assert set(answer.choices[0].message.content.split(", ")) <= set(LABELS)
        assert name in [model.id for model in client.models.list()]
        assert done in list(client.fine_tuning.jobs.list(limit=1))

    service.update_tuned_model(tuned, tags={"openai.suffix": "a: b/c"})
    service.update_tune_experiment(experiment, tags={"openai.suffix": "a: b/c"})
    plain = name.replace("triage", "")
    assert ai.fine_tuning.jobs.retrieve(job.id).fine_tuned_model == plain
    assert plain in [model.id for model in ai.models.list()]
    assert ai.models.retrieve(plain).id == plain

    following = ai.fine_tuning.jobs.create(model=name, training_file=training.id)
    assert service.get_tune_experiment(following.id.removeprefix("ftjob-")).parameters.init_tuned_model == tuned
    ai.fine_tuning.jobs.cancel(following.id)
    assert ai.models.delete(name).deleted
    with pytest.raises(openai.NotFoundError):
        ai.models.retrieve(name)


def test_a_job_is_cancelled(ai: openai.OpenAI):
    job = ai.fine_tuning.jobs.create(model="foreword--starter", training_file=upload(ai, prompt_file()).id)
    assert job.hyperparameters.learning_rate_multiplier == 1

    assert ai.fine_tuning.jobs.cancel(job.id).status == "cancelled"

    assert ai.fine_tuning.jobs.list_events(job.id).data[0].message == "The job was cancelled."
    assert ai.fine_tuning.jobs.cancel(job.id).status == "cancelled"
    for call in (ai.fine_tuning.jobs.pause, ai.fine_tuning.jobs.resume):
        with pytest.raises(openai.NotFoundError, match="cannot be paused"):
            call(job.id)


@pytest.mark.parametrize("multiplier", ["nan", "inf", "1e999", "much"])
def test_a_job_whose_multiplier_was_changed_to_no_number_stays_listed(
    ai: openai.OpenAI, service: Client, stored: str, multiplier: str
):
    given = {"learning_rate_multiplier": 0.5}
    job = ai.fine_tuning.jobs.create(model=BASE, training_file=stored, hyperparameters=given)
    ai.fine_tuning.jobs.cancel(job.id)
    service.update_tune_experiment(job.id.removeprefix("ftjob-"), tags={"openai.learning_rate_multiplier": multiplier})

    assert ai.fine_tuning.jobs.retrieve(job.id).hyperparameters.learning_rate_multiplier == "auto"
    assert job.id in [found.id for found in ai.fine_tuning.jobs.list(limit=20).data]


def test_the_same_idempotency_key_queues_one_job_and_stores_one_file(ai: openai.OpenAI, http: RunningHttp, tenant: str):
    headers = {"Idempotency-Key": "once"}
    content = ("complaints.jsonl", prompt_file())
    files = {ai.files.create(file=content, purpose="fine-tune", extra_headers=headers).id for _ in range(2)}
    (file,) = files
    options = {"model": BASE, "training_file": file, "extra_headers": headers}
    jobs = {ai.fine_tuning.jobs.create(**options).id for _ in range(2)}

    (job,) = jobs
    with pytest.raises(openai.ConflictError) as caught:
        ai.fine_tuning.jobs.create(**options, suffix="other")
    assert caught.value.response.headers["x-should-retry"] == "false"
    assert "Idempotency-Key 'once' was already used with other content. Use a new Idempotency-Key." in str(caught.value)
    ai.fine_tuning.jobs.cancel(job)


def test_files_and_jobs_of_another_tenant_do_not_exist(
    http: RunningHttp, ai: openai.OpenAI, server: RunningServer, stored: str
):
    job = ai.fine_tuning.jobs.create(model=BASE, training_file=stored)
    ai.fine_tuning.jobs.cancel(job.id)
    with http.client(server.new_key("http-stranger")) as stranger:
        assert list(stranger.files.list()) == []
        assert list(stranger.fine_tuning.jobs.list()) == []
        for call, id in (
            (stranger.files.retrieve, stored),
            (stranger.files.content, stored),
            (stranger.files.delete, stored),
            (stranger.fine_tuning.jobs.retrieve, job.id),
            (stranger.fine_tuning.jobs.cancel, job.id),
            (stranger.fine_tuning.jobs.list_events, job.id),
            (stranger.fine_tuning.jobs.retrieve, "ftjob-../x"),
            (stranger.files.retrieve, "file-%2e%2e"),
        ):
            with pytest.raises(openai.NotFoundError) as caught:
                call(id)
            assert caught.value.code in ("resource_not_found", "unknown_url")
            assert caught.value.param is None
        with pytest.raises(openai.NotFoundError) as caught:
            stranger.fine_tuning.jobs.create(model=BASE, training_file=stored)
        assert caught.value.param == "training_file"
