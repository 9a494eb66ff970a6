"""Files and fine-tuning jobs, driven by the official Python client."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from typing import Any

import openai
import pytest

import foreword.http.uploads
from factories.api import LABELS, make_file
from factories.http import RunningHttp, running_http
from factories.servers import RunningServer
from foreword.client import Client
from foreword.client._async.service import ServiceMethods
from foreword.domain.tenant import Scope

BASE = "baseModels/foreword--starter"
INSTRUCTION = "Name the department."


@pytest.fixture(scope="module")
def tenant(server: RunningServer) -> str:
    """The key of a tenant of this file."""
    return server.new_key("http-tuning")


@pytest.fixture
def ai(http: RunningHttp, tenant: str) -> Iterator[openai.OpenAI]:
    with http.client(tenant) as client:
        yield client


@pytest.fixture
def service(server: RunningServer, tenant: str) -> Iterator[Client]:
    with Client(server.endpoint, tenant) as client:
        yield client


def rows() -> list[dict[str, str]]:
    return [json.loads(line) for line in make_file().splitlines()]


def jsonl(*items: object) -> bytes:
    return b"".join(json.dumps(item).encode() + b"\n" for item in items)


FORM = "multipart/form-data; boundary=end"


def form(*fields: tuple[str, bytes]) -> bytes:
    """Return a form whose fields have names that may end in further parameters."""
    head = '--end\r\nContent-Disposition: form-data; name="{}"\r\n\r\n'
    return b"".join(head.format(name).encode() + value + b"\r\n" for name, value in fields) + b"--end--\r\n"


def chat_file() -> bytes:
    return jsonl(
        *(
            {
                "messages": [
                    {"role": "system", "content": INSTRUCTION},
                    {"role": "user", "content": row["input"]},
                    {"role": "assistant", "content": row["output"]},
                ]
            }
            for row in rows()
        )
    )


def prompt_file() -> bytes:
    return jsonl(*({"prompt": row["input"], "completion": row["output"]} for row in rows()))


def upload(ai: openai.OpenAI, content: bytes, name: str = "complaints.jsonl") -> openai.types.FileObject:
    return ai.files.create(file=(name, content), purpose="fine-tune")


def test_a_file_is_stored_listed_read_and_deleted(ai: openai.OpenAI, service: Client):
    stored = upload(ai, prompt_file(), "mine.jsonl")

    assert (stored.filename, stored.purpose, stored.status) == ("mine.jsonl", "fine-tune", "processed")
    dataset = service.get_dataset(stored.id.removeprefix("file-"))
    assert (dataset.row_count, dataset.byte_size) == (30, stored.bytes)
    assert ai.files.retrieve(stored.id) == stored
    assert stored in list(ai.files.list(purpose="fine-tune"))
    assert list(ai.files.list(purpose="batch")) == []
    content = ai.files.content(stored.id)
    assert [json.loads(line) for line in content.text.splitlines()] == [
        {"prompt": row["input"], "completion": row["output"]} for row in rows()
    ]
    again = upload(ai, content.content, "again.jsonl")
    assert service.get_dataset(again.id.removeprefix("file-")).content_sha256 == dataset.content_sha256

    assert ai.files.delete(stored.id).deleted
    for call in (ai.files.retrieve, ai.files.content, ai.files.delete):
        with pytest.raises(openai.NotFoundError):
            call(stored.id)


def test_lists_have_pages(http: RunningHttp, server: RunningServer):
    with http.client(server.new_key("http-pages")) as ai:
        ids = [upload(ai, prompt_file(), f"{number}.jsonl").id for number in range(5)]

        assert [file.id for file in ai.files.list(limit=2)] == ids[::-1]  # the client reads page by page
        assert [file.id for file in ai.files.list(limit=2, order="asc")] == ids
        assert [file.id for file in ai.files.list(limit=2, purpose="fine-tune")] == ids[::-1]
        assert (list(ai.files.list(purpose="batch")), list(ai.files.list(purpose="vision"))) == ([], [])
        first, rest, last = ai.files.list(limit=2), ai.files.list(after=ids[3]), ai.files.list(after=ids[0])
        assert (first.has_more, [file.id for file in first.data]) == (True, ids[:2:-1])
        assert (rest.has_more, [file.id for file in rest.data]) == (False, ids[2::-1])
        assert (last.has_more, last.data) == (False, [])
        for wrong in ({"limit": 0}, {"after": "file-nothing"}, {"order": "up"}):
            with pytest.raises(openai.BadRequestError) as caught:
                ai.files.list(**wrong)
            assert caught.value.param == next(iter(wrong))
        ai.files.delete(ids[1])
        with pytest.raises(openai.BadRequestError, match="Begin without it"):
            ai.files.list(after=ids[1])


def test_files_are_listed_by_their_purpose(http: RunningHttp, server: RunningServer):
    key = server.new_key("http-purposes")
    with http.client(key) as ai, Client(server.endpoint, key) as service:
        labelled = upload(ai, prompt_file()).id
        unlabelled = service.upload_dataset(
            [{"input": row["input"]} for row in rows()], display_name="x", unlabelled=True
        )

        assert [file.id for file in ai.files.list(purpose="fine-tune", limit=1)] == [labelled]
        assert [file.id for file in ai.files.list(purpose="batch")] == [f"file-{unlabelled.name.rpartition('/')[2]}"]
        assert len(list(ai.files.list(limit=1))) == 2
        assert len(list(service.stream_datasets(page_size=1))) == 2


def test_a_page_reads_not_much_more_than_itself_from_the_service(
    http: RunningHttp, ai: openai.OpenAI, stored: str, monkeypatch: pytest.MonkeyPatch
):
    for number in range(4):
        upload(ai, prompt_file(), f"{number}.jsonl")
    sizes = []
    messages = ServiceMethods._messages

    def counted(service: ServiceMethods, method: Any, request: Any, *others: Any) -> Any:
        pages = messages(service, method, request, *others)
        sizes.append(request)
        return pages

    monkeypatch.setattr(ServiceMethods, "_messages", counted)
    (newest,) = ai.files.list(limit=1).data
    (next_one,) = ai.files.list(limit=1, after=newest.id).data

    assert newest.id != next_one.id
    assert [request.page_size for request in sizes] == [2, 3]
    assert not any(request.page_token for request in sizes)  # no second page was read


def test_jobs_and_models_have_pages_that_end_with_the_base_models(http: RunningHttp, server: RunningServer):
    key = server.new_key("http-more-pages")
    with http.client(key) as ai, Client(server.endpoint, key) as service:
        file = upload(ai, prompt_file()).id
        jobs = [ai.fine_tuning.jobs.create(model=BASE, training_file=file).id for _ in range(3)]
        for job in jobs:
            ai.fine_tuning.jobs.cancel(job)
        assert [job.id for job in ai.fine_tuning.jobs.list(limit=1)] == jobs[::-1]

        for name in ("first", "second"):
            service.create_deployment(BASE, serving_name=name)
        whole = http.send("GET", "/v1/models", key=key).body
        ids = [model["id"] for model in whole["data"]]
        assert (ids[:2], ids[-1], whole["has_more"]) == (["second", "first"], BASE, False)
        found: list[str] = []
        while True:
            after = f"&after={found[-1]}" if found else ""
            page = http.send("GET", f"/v1/models?limit=1{after}", key=key).body
            found += [model["id"] for model in page["data"]]
            if not page["has_more"]:
                break
        assert found == ids
        for after in ("nothing", "ft:foreword--starter:http-more-pages::nothing", "baseModels/nothing"):
            status, error = http.refused("GET", f"/v1/models?after={after}", key=key)
            assert (status, error["param"]) == (400, "after")


def test_chats_become_the_inputs_that_the_same_chats_have_in_requests(ai: openai.OpenAI, service: Client):
    shots = {"role": "user", "content": "A"}, {"role": "assistant", "content": "B", "weight": 0}
    row = {"messages": [{"role": "user", "content": "only"}, {"role": "assistant", "content": "answer"}]}
    long = {"messages": [*shots, {"role": "user", "content": "C"}, {"role": "assistant", "content": "D"}]}

    stored = upload(ai, b"\xef\xbb\xbf" + chat_file() + jsonl(row, long))

    found = service.list_dataset_rows(stored.id.removeprefix("file-"))
    assert found[0].input == f"{INSTRUCTION}\n\nInput: {rows()[0]['input']}\nOutput:"
    assert (found[30].input, found[30].output) == ("only", "answer")
    assert (found[31].input, found[31].output) == ("Input: A\nOutput: B\n\nInput: C\nOutput:", "D")


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ({"messages": [{"role": "user", "content": "x"}]}, "row 2: messages: must end with a message of the role"),
        ({"messages": "x"}, "row 2: messages: must be a list"),
        ({"prompt": "x"}, "row 2: prompt: cannot be honoured"),
        ([1], "row 2: must be a JSON object"),
        ({"messages": [{"role": "tool", "content": "x"}, {"role": "assistant", "content": "y"}]}, "row 2: messages[0]"),
    ],
)
def test_faulty_rows_are_named(ai: openai.OpenAI, row: object, fault: str):
    content = chat_file().splitlines(keepends=True)
    content[1] = jsonl(row)

    with pytest.raises(openai.BadRequestError) as caught:
        upload(ai, b"".join(content))

    assert caught.value.param == "file"
    assert fault in caught.value.message


def test_faults_that_the_service_finds_are_named_by_row(ai: openai.OpenAI):
    content = prompt_file().splitlines(keepends=True)
    content[4] = jsonl({"prompt": "x", "completion": ""})

    with pytest.raises(openai.BadRequestError) as caught:
        upload(ai, b"".join(content))

    assert "row 5: completion: " in caught.value.message
    assert (caught.value.param, caught.value.body["reason"]) == ("file", "DATASET_INVALID")


def test_all_faults_of_a_file_are_listed_by_row_or_counted(ai: openai.OpenAI):
    content = prompt_file().splitlines(keepends=True)
    content[4] = jsonl({"prompt": "x", "completion": ""})
    content[1] = content[8] = b"{\n"
    with pytest.raises(openai.BadRequestError) as few:
        upload(ai, b"".join(content))
    with pytest.raises(openai.BadRequestError) as many:
        upload(ai, content[0] + content[4] * 15 + b"{\n" * 15)

    rows_of_few = re.findall(r"row (\d+): ", few.value.message)
    assert rows_of_few == ["2", "5", "9"]
    assert re.findall(r"row (\d+): ", many.value.message) == [str(row) for row in range(2, 22)]
    assert many.value.message.endswith("10 more faults are not listed.")


def test_other_purposes_fields_and_bodies_are_refused(http: RunningHttp, ai: openai.OpenAI, tenant: str):
    with pytest.raises(openai.BadRequestError, match="purpose: must be fine-tune"):
        ai.files.create(file=("x", b"{}"), purpose="vision")
    with pytest.raises(openai.BadRequestError, match="expires_after"):
        ai.files.create(file=("x", b"{}"), purpose="fine-tune", expires_after={"anchor": "created_at", "seconds": 3600})
    options = {"key": tenant, "content_type": "multipart/form-data; boundary=x"}
    assert http.refused("POST", "/v1/files", b"--x--\r\n", **options)[1]["param"] == "purpose"
    assert http.refused("POST", "/v1/files", b"nonsense", **options)[0] == 400
    assert http.refused("POST", "/v1/files", b"", key=tenant, content_type="multipart/form-data")[0] == 400
    assert http.refused("POST", "/v1/files", b"{}", key=tenant, content_type="application/json")[0] == 415


@pytest.mark.parametrize(("given", "kept"), [("a/b.jsonl", "b.jsonl"), ("../../etc/passwd", "passwd"), ("/", "file")])
def test_a_file_keeps_its_name_without_its_folder(http: RunningHttp, tenant: str, given: str, kept: str):
    parts = [("purpose", b"fine-tune"), (f'file"; filename="{given}', make_file())]
    stored = http.send("POST", "/v1/files", form(*parts), key=tenant, content_type=FORM).body

    assert stored["filename"] == kept


def test_a_file_name_with_control_characters_is_refused(http: RunningHttp, tenant: str):
    parts = [("purpose", b"fine-tune"), ('file"; filename="a\x1b[2J.jsonl', make_file())]
    status, error = http.refused("POST", "/v1/files", form(*parts), key=tenant, content_type=FORM)

    assert (status, error["param"]) == (400, "file")
    assert "control characters" in error["message"]


def test_names_in_a_form_that_are_no_text_are_refused(http: RunningHttp, tenant: str):
    body = form(("purpose", b"fine-tune"), ("file", make_file()))
    status, error = http.refused("POST", "/v1/files", body, key=tenant, content_type=f"{FORM}; charset=undefined")

    assert (status, error["reason"]) == (400, "BODY_INVALID")


def test_nobody_without_a_key_uploads_and_a_file_has_a_maximum_size(server: RunningServer, tenant: str):
    with running_http(server, max_dataset_bytes=1_000) as http:
        with http.client(tenant) as ai, pytest.raises(openai.APIStatusError) as caught:
            upload(ai, b" " * 3_000_000)
        assert caught.value.status_code == 413
        with http.client("wrong") as ai, pytest.raises(openai.AuthenticationError):
            upload(ai, b" " * 3_000_000)


def test_an_upload_that_stalls_is_ended(http: RunningHttp, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(foreword.http.uploads, "_SILENCE_SECONDS", 0.2)
    with socket.create_connection(("127.0.0.1", http.port), timeout=30) as slow:
        slow.sendall(
            b"POST /v1/files HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer dev\r\n"
            b"content-type: multipart/form-data; boundary=x\r\ncontent-length: 1000\r\n\r\n--x\r\n"
        )
        assert slow.recv(100).startswith(b"HTTP/1.1 408")


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


WRONG_JOBS = {
    "suffix": "a:b",
    "seed": -1,
    "integrations": [{"type": "wandb", "wandb": {"project": "x"}}],
    "hyperparameters.n_epochs": {"hyperparameters": {"n_epochs": 0}},
    "hyperparameters.batch_size": {"hyperparameters": {"batch_size": "8"}},
    "hyperparameters.learning_rate_multiplier": {"hyperparameters": {"learning_rate_multiplier": 0}},
    "hyperparameters.beta": {"hyperparameters": {"beta": 1}},
    "method.type": {"method": {"type": "dpo"}},
    "method.supervised.hyperparameters.n_epochs": {"method": {"supervised": {"hyperparameters": {"n_epochs": 1.5}}}},
    "metadata": {"metadata": {"openai.suffix": "x"}},
    "metadata.team": {"metadata": {"team": 7}},
    "training_file": {"training_file": "file-nothing"},
    "validation_file": {"validation_file": "nothing"},
    "model": {"model": ""},
    "task": "classification",
}


@pytest.mark.parametrize("param", WRONG_JOBS)
def test_what_a_job_cannot_honour_is_refused_by_name(
    http: RunningHttp, ai: openai.OpenAI, tenant: str, param: str, stored: str
):
    wrong = WRONG_JOBS[param]
    changes = wrong if isinstance(wrong, dict) else {param: wrong}

    _, error = http.refused(
        "POST", "/v1/fine_tuning/jobs", {"model": BASE, "training_file": stored, **changes}, key=tenant
    )

    assert error["param"] == param
    assert error["message"].startswith(param)


@pytest.fixture(scope="module")
def stored(http: RunningHttp, tenant: str) -> str:
    with http.client(tenant) as ai:
        return upload(ai, prompt_file()).id


def test_faults_of_the_service_are_named_like_the_parameters_of_the_job(http: RunningHttp, tenant: str, stored: str):
    body = {
        "model": BASE,
        "training_file": stored,
        "hyperparameters": {"n_epochs": 9_999},
        "metadata": {"-bad": "x"},
    }

    _, error = http.refused("POST", "/v1/fine_tuning/jobs", body, key=tenant)

    assert error["param"] in ("hyperparameters.n_epochs", "metadata")
    assert "tune_experiment" not in error["message"]
    status, error = http.refused("POST", "/v1/fine_tuning/jobs", {**body, "model": "nothing"}, key=tenant)
    assert status in (400, 404)


@pytest.mark.parametrize("multiplier", [1e-12, 5_000, 1e999])
def test_a_multiplier_out_of_range_is_refused_with_its_own_range(
    http: RunningHttp, service: Client, tenant: str, stored: str, multiplier: float
):
    rate = service.get_base_model("foreword--starter").recipes["prompt_tuning"].learning_rate
    given = json.dumps({"n_epochs": 1, "learning_rate_multiplier": multiplier}).replace("Infinity", "1e999")
    body = f'{{"model": "{BASE}", "training_file": "{stored}", "hyperparameters": {given}}}'.encode()

    options = {"key": tenant, "content_type": "application/json"}
    status, error = http.refused("POST", "/v1/fine_tuning/jobs", body, **options)

    assert (status, error["param"]) == (400, "hyperparameters.learning_rate_multiplier")
    low, high = map(float, re.search(r"must be in \[(\S+), (\S+)\]", error["message"]).groups())
    assert 1e-8 <= low * rate < 1.01e-8
    assert 9.9 < high * rate <= 10
    assert f"not {multiplier:g}." in error["message"]


def test_a_suffix_takes_the_place_of_one_entry_of_the_metadata(http: RunningHttp, tenant: str, stored: str):
    body = {"model": BASE, "training_file": stored, "metadata": {f"k{number}": "" for number in range(20)}}

    _, error = http.refused("POST", "/v1/fine_tuning/jobs", {**body, "suffix": "a"}, key=tenant)

    assert error["message"] == "metadata: must have at most 19 keys, not 20."


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


def test_a_key_that_may_not_write_uploads_nothing(http: RunningHttp, server: RunningServer):
    key = server.new_key("http-readers", (Scope.READ,))
    with http.client(key) as ai, pytest.raises(openai.PermissionDeniedError, match="write"):
        upload(ai, prompt_file())
