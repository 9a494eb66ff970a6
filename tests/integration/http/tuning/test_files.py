"""Files, driven by the official Python client."""

from __future__ import annotations

import json
import re
import socket

import openai
import pytest

import foreword.http.uploads
from factories.api import make_file
from factories.http import RunningHttp, running_http
from factories.openai_files import FORM, INSTRUCTION, chat_file, form, jsonl, labelled_rows, prompt_file, upload
from factories.servers import RunningServer
from foreword.client import Client
from foreword.domain.tenant import Scope

BASE = "baseModels/foreword--starter"


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
        {"prompt": row["input"], "completion": row["output"]} for row in labelled_rows()
    ]
    again = upload(ai, content.content, "again.jsonl")
    assert service.get_dataset(again.id.removeprefix("file-")).content_sha256 == dataset.content_sha256

    assert ai.files.delete(stored.id).deleted
    for call in (ai.files.retrieve, ai.files.content, ai.files.delete):
        with pytest.raises(openai.NotFoundError):
            call(stored.id)


def test_chats_become_the_inputs_that_the_same_chats_have_in_requests(ai: openai.OpenAI, service: Client):
    shots = {"role": "user", "content": "A"}, {"role": "assistant", "content": "B", "weight": 0}
    row = {"messages": [{"role": "user", "content": "only"}, {"role": "assistant", "content": "answer"}]}
    long = {"messages": [*shots, {"role": "user", "content": "C"}, {"role": "assistant", "content": "D"}]}

    stored = upload(ai, b"\xef\xbb\xbf" + chat_file() + jsonl(row, long))

    found = service.list_dataset_rows(stored.id.removeprefix("file-"))
    assert found[0].input == f"{INSTRUCTION}\n\nInput: {labelled_rows()[0]['input']}\nOutput:"
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


def test_a_key_that_may_not_write_uploads_nothing(http: RunningHttp, server: RunningServer):
    key = server.new_key("http-readers", (Scope.READ,))
    with http.client(key) as ai, pytest.raises(openai.PermissionDeniedError, match="write"):
        upload(ai, prompt_file())
