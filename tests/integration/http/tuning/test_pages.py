"""Pages of files, jobs and models."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from factories.http import RunningHttp
from factories.openai_files import labelled_rows, prompt_file, upload
from factories.servers import RunningServer
from foreword.client import Client
from foreword.client._async.service import ServiceMethods

BASE = "baseModels/foreword--starter"


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
            [{"input": row["input"]} for row in labelled_rows()], display_name="x", unlabelled=True
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
