from __future__ import annotations

import json
import threading
from typing import Any

import grpc
import pytest

from factories.api import failure_of, make_file, refused, to_jsonl, upload, upload_messages
from factories.servers import RunningServer
from factories.waiting import wait_until
from foreword.domain.tenant import Scope
from foreword.storage.repositories.datasets import DatasetRepository
from foreword.v1 import dataset_service_pb2 as pb2
from foreword.v1 import report_pb2


@pytest.fixture
def stubs(server: RunningServer):
    return server.stubs()


def test_an_upload_is_stored_with_its_report(stubs):
    dataset = upload(stubs, make_file(30), display_name="stored", description="some rows")

    found = stubs.datasets.GetDataset(pb2.GetDatasetRequest(name=dataset.name))
    assert found == dataset
    assert (found.display_name, found.version, found.row_count) == ("stored", 1, 30)
    assert found.report.usable_row_count == 30
    assert found.report.format == "jsonl"
    assert found.byte_size > 0


def test_an_upload_of_the_same_name_is_the_next_version(stubs):
    first = upload(stubs, display_name="versions")
    second = upload(stubs, display_name="versions")

    assert (first.version, second.version) == (1, 2)
    assert first.name != second.name
    assert first.content_sha256 == second.content_sha256


def test_an_upload_can_reuse_the_stored_dataset_with_the_same_name_and_rows(server: RunningServer, stubs):
    def reusing(content: bytes, name: str, stubs: Any = stubs) -> pb2.UploadDatasetResponse:
        return stubs.datasets.UploadDataset(upload_messages(content, display_name=name, reuse_identical=True))

    first = reusing(make_file(5), "reused")
    again = reusing(make_file(5), "reused")

    assert (first.reused, again.reused) == (False, True)
    assert again.dataset == first.dataset
    assert reusing(make_file(6), "reused").dataset.version == 2
    assert not reusing(make_file(5), "named otherwise").reused
    shifted = reusing(make_file(2) + b"\n" + make_file(5).removeprefix(make_file(2)), "reused")
    assert (shifted.reused, shifted.dataset.content_sha256) == (False, first.dataset.content_sha256)
    page = stubs.datasets.ListDatasetRows(pb2.ListDatasetRowsRequest(name=shifted.dataset.name))
    assert [row.row for row in page.rows] == [1, 2, 4, 5, 6], "numbers are not those of the file"
    writer = server.stubs(server.new_key(first.dataset.name.split("/")[1], (Scope.WRITE,)))
    assert not reusing(make_file(5), "reused", writer).reused, "it cannot read the dataset of the other key"


def test_a_file_in_tiny_chunks_is_the_same_file(stubs):
    whole = upload(stubs, make_file(5), display_name="chunks")
    pieces = stubs.datasets.UploadDataset(upload_messages(make_file(5), chunk_bytes=3)).dataset

    assert pieces.content_sha256 == whole.content_sha256


def test_an_upload_that_is_cut_between_two_rows_stores_nothing(server: RunningServer):
    stubs = server.stubs(server.new_key("broken-off"))
    *messages, end = upload_messages(make_file(40), chunk_bytes=len(make_file(1)))

    for cut in (messages, [*messages[:-7], end]):
        failure = refused(stubs.datasets.UploadDataset, iter(cut))
        assert set(failure.violations) == {"end"}

    assert stubs.datasets.ListDatasets(pb2.ListDatasetsRequest()).datasets == []
    assert upload(stubs, make_file(40)).row_count == 40


def test_too_much_at_once_is_refused_until_an_upload_has_ended(start_server):
    server = start_server(max_open_upload_bytes=2 * 2**20)
    stubs, other = server.stubs(), server.stubs(server.new_key("other"))
    messages = list(upload_messages(make_file(40)))
    large = to_jsonl({"input": f"{number} {'long ' * 4000}", "output": "L3"} for number in range(80))
    begun, go_on = threading.Event(), threading.Event()

    def slowly():
        yield messages[0]
        begun.set()
        assert go_on.wait(60)
        yield from messages[1:]

    first = stubs.datasets.UploadDataset.future(slowly())
    assert begun.wait(60)
    for _ in range(20):  # until the header has arrived
        check = other.datasets.CheckDataset.future(upload_messages(large, pb2.CheckDatasetRequest, 2**19))
        if check.code() is not grpc.StatusCode.OK:
            break
    failure = failure_of(check.exception())
    go_on.set()

    assert first.result(60).dataset.row_count == 40
    assert failure.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert (failure.reason, failure.retry_seconds) == ("TOO_MANY_UPLOADS", 5)
    assert upload(other, large).row_count == 80


def test_nothing_comes_after_the_end(stubs):
    messages = list(upload_messages(make_file(5)))

    failure = refused(stubs.datasets.UploadDataset, iter([*messages, messages[-1]]))

    assert set(failure.violations) == {"chunk"}


def test_malformed_rows_are_named_by_number_and_column(stubs):
    content = make_file(12) + b'{"input": "", "output": "Service"}\nnot json\n{"input": "no output"}\n'

    failure = refused(stubs.datasets.UploadDataset, upload_messages(content))

    assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
    assert failure.reason == "DATASET_INVALID"
    assert any(field.startswith("rows[13].input") for field in failure.violations)
    assert any(field.startswith("rows[14]") for field in failure.violations)
    assert any(field.startswith("rows[15].output") for field in failure.violations)
    assert failure.metadata["row_count"] == "15"


def test_a_thousand_faults_still_fit_into_the_answer_and_the_rest_is_counted(stubs):
    content = b'{"input": "", "output": "\xc3\xa4"}\n' * 1000 + b'{"input": "a", "output": "b"}\n' * 1100

    failure = refused(stubs.datasets.UploadDataset, upload_messages(content))

    assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
    assert any(field.startswith("rows[") for field in failure.violations)
    assert any("more faults" in description for description in failure.violations.values())


@pytest.mark.parametrize("content", [b"", b"\n\n", b"[]", b"input,output\n"])
def test_an_empty_file_is_refused(stubs, content: bytes):
    failure = refused(stubs.datasets.UploadDataset, upload_messages(content))

    assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
    assert failure.violations


def test_check_reports_what_an_upload_would_refuse_and_stores_nothing(stubs):
    before = stubs.datasets.ListDatasets(pb2.ListDatasetsRequest()).datasets
    messages = upload_messages(make_file(12) + b"not json\n", pb2.CheckDatasetRequest)

    report = stubs.datasets.CheckDataset(messages).report

    errors = [finding for finding in report.findings if finding.severity == report_pb2.SEVERITY_ERROR]
    assert [list(finding.rows) for finding in errors] == [[13]]
    assert stubs.datasets.ListDatasets(pb2.ListDatasetsRequest()).datasets == before


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ({"display_name": ""}, "header.display_name"),
        ({"display_name": "x" * 201}, "header.display_name"),
        ({"display_name": "nul\0"}, "header.display_name"),
        ({"description": "x" * 2001}, "header.description"),
        ({"format": "xml"}, "header.format"),
        ({"task": "juggling"}, "header.task"),
        ({"parent": "tenant/dev"}, "header.parent"),
        ({"max_input_tokens": 5}, "header.max_input_tokens"),
        ({"refuse_long_inputs": True}, "header.refuse_long_inputs"),
        ({"input_column": "x" * 201}, "header.input_column"),
        ({"input_column": "text", "output_column": "text"}, "header.output_column"),
        ({"unlabelled": True, "output_column": "label"}, "header.output_column"),
        ({"base_model": "starter", "max_input_tokens": 100_000}, "header.max_input_tokens"),
        ({"request_id": "x" * 65}, "header.request_id"),
        ({"task": "classification", "task_options": {"labels": ["a", "a"]}}, "header.task_options.labels[1]"),
        ({"task": "generation", "task_options": {"labels": ["a"]}}, "header.task_options.labels"),
        ({"task_options": {"extra": {"loudness": 1}}}, "header.task_options.extra.loudness"),
    ],
)
def test_a_bad_header_is_named(stubs, header: dict, field: str):
    failure = refused(stubs.datasets.UploadDataset, upload_messages(make_file(), **header))

    assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
    assert field in failure.violations


def test_all_faults_of_a_header_are_named_at_once(stubs):
    failure = refused(stubs.datasets.UploadDataset, upload_messages(b"", display_name="", format="xml"))

    assert set(failure.violations) == {"header.display_name", "header.format"}


def test_an_unknown_base_model_is_not_found(stubs):
    failure = refused(stubs.datasets.UploadDataset, upload_messages(make_file(), base_model="gpt-17"))

    assert failure.code is grpc.StatusCode.NOT_FOUND
    assert "foreword--starter" in failure.message


@pytest.mark.parametrize("parent", ["tenants/ghost", "tenants/acme"])
def test_an_unknown_tenant_reads_like_another_one(stubs, parent: str):
    failure = refused(stubs.datasets.UploadDataset, upload_messages(make_file(), parent=parent))

    assert failure.code is grpc.StatusCode.NOT_FOUND
    assert failure.message == f"{parent} does not exist. Check the name."


def test_a_stream_must_begin_with_the_header(stubs):
    for messages in ([], [pb2.UploadDatasetRequest(chunk=b"x")], [pb2.UploadDatasetRequest()]):
        failure = refused(stubs.datasets.UploadDataset, iter(messages))
        assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
        assert set(failure.violations) == {"header"}


def test_a_second_header_is_refused(stubs):
    header = pb2.UploadDatasetRequest(header=pb2.DatasetHeader(display_name="x"))

    failure = refused(stubs.datasets.UploadDataset, iter([header, header]))

    assert set(failure.violations) == {"chunk"}


def test_a_chunk_of_one_mebibyte_passes_and_a_larger_one_is_refused(stubs):
    content = to_jsonl({"input": f"text {number} " + "x" * 200, "output": "Service"} for number in range(6000))
    stubs.datasets.CheckDataset(upload_messages(content, pb2.CheckDatasetRequest, chunk_bytes=2**20))

    failure = refused(
        stubs.datasets.CheckDataset, upload_messages(content, pb2.CheckDatasetRequest, chunk_bytes=2**20 + 1)
    )

    assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
    assert set(failure.violations) == {"chunk"}


def test_a_file_that_is_too_large_is_refused_while_it_arrives(start_server):
    stubs = start_server(max_dataset_bytes=5_000).stubs()

    failure = refused(stubs.datasets.UploadDataset, upload_messages(make_file(500)))

    assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
    assert failure.reason == "DATASET_TOO_LARGE"
    assert "5,000 bytes" in failure.violations["chunk"]


def test_rows_are_listed_page_by_page_in_order(stubs):
    dataset = upload(stubs, make_file(25), display_name="pages")
    rows, token = [], ""
    while True:
        page = stubs.datasets.ListDatasetRows(
            pb2.ListDatasetRowsRequest(name=dataset.name, page_size=10, page_token=token)
        )
        rows += page.rows
        token = page.next_page_token
        if not token:
            break

    assert [row.row for row in rows] == list(range(1, 26))
    assert [{"input": row.input, "output": row.output} for row in rows] == [
        json.loads(line) for line in make_file(25).splitlines()
    ]


def test_long_rows_make_short_pages_that_fit_into_a_message(stubs):
    content = to_jsonl({"input": f"{number} " + "word " * 150_000, "output": "Service"} for number in range(8))
    dataset = stubs.datasets.UploadDataset(
        upload_messages(content, chunk_bytes=2**20, display_name="long", task="generation")
    ).dataset

    page = stubs.datasets.ListDatasetRows(pb2.ListDatasetRowsRequest(name=dataset.name, page_size=1000))

    assert 0 < len(page.rows) < 8
    assert page.next_page_token


def test_bad_page_sizes_and_tokens_are_refused(stubs):
    name = upload(stubs, make_file(5)).name

    for request, field in (
        (pb2.ListDatasetRowsRequest(name=name, page_size=-1), "page_size"),
        (pb2.ListDatasetRowsRequest(name=name, page_size=1001), "page_size"),
        (pb2.ListDatasetRowsRequest(name=name, page_token="made up"), "page_token"),
        (pb2.ListDatasetRowsRequest(name=name, page_token="W10="), "page_token"),
        (pb2.ListDatasetRowsRequest(name=name, after_row=-1), "after_row"),
        (pb2.ListDatasetRowsRequest(name=name, after_row=1, page_token="W10="), "after_row"),
    ):
        failure = refused(stubs.datasets.ListDatasetRows, request)
        assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
        assert set(failure.violations) == {field}


def test_a_deleted_dataset_is_gone_with_its_rows(server: RunningServer, stubs):
    kept = upload(stubs, make_file(7), display_name="kept")
    gone = upload(stubs, make_file(7), display_name="gone")

    stubs.datasets.DeleteDataset(pb2.DeleteDatasetRequest(name=gone.name))

    assert refused(stubs.datasets.GetDataset, pb2.GetDatasetRequest(name=gone.name)).code is grpc.StatusCode.NOT_FOUND
    assert len(stubs.datasets.ListDatasetRows(pb2.ListDatasetRowsRequest(name=kept.name)).rows) == 7


def test_rows_go_although_the_server_died_after_it_had_deleted_their_dataset(start_server):
    first = start_server()
    name = upload(first.stubs()).name
    artifact = DatasetRepository(first.database, "dev").delete(name.rsplit("/", 1)[-1])
    first.stop()
    left = first.artifacts.exists(artifact)

    second = start_server(home=first.settings.home)

    assert left
    wait_until(lambda: not second.artifacts.exists(artifact))


def test_a_dataset_whose_rows_are_missing_is_a_failed_precondition(server: RunningServer, stubs):
    dataset = upload(stubs, make_file(7), display_name="missing")
    found = [
        path for path in (server.settings.home / "artifacts").rglob("rows.jsonl") if dataset.content_sha256 in str(path)
    ]
    for path in found:
        path.unlink()

    failure = refused(stubs.datasets.ListDatasetRows, pb2.ListDatasetRowsRequest(name=dataset.name))

    assert found
    assert failure.code is grpc.StatusCode.FAILED_PRECONDITION
    assert failure.reason == "ARTIFACT_MISSING"


def test_long_inputs_are_truncated_or_refused_by_choice(stubs):
    texts = ("Where is it?", "Where is the parcel that you promised to send to me a week ago?")
    content = to_jsonl([{"input": text, "output": "A"} for text in texts])
    limit = {"base_model": "starter", "max_input_tokens": 10}

    (finding,) = [item for item in upload(stubs, content, **limit).report.findings if item.code == "INPUT_TOO_LONG"]
    assert (list(finding.rows), finding.severity) == ([2], report_pb2.SEVERITY_WARNING)
    failure = refused(stubs.datasets.UploadDataset, upload_messages(content, **limit, refuse_long_inputs=True))
    assert set(failure.violations) == {"rows[2].input"}


def test_near_duplicates_are_looked_for_unless_the_caller_declines(stubs):
    texts = ("The lid of the box was broken", "the lid of the box was broken!")
    content = to_jsonl([{"input": text, "output": "A"} for text in texts])

    def codes(**header):
        answer = stubs.datasets.CheckDataset(upload_messages(content, pb2.CheckDatasetRequest, **header))
        return {finding.code for finding in answer.report.findings}

    assert "NEAR_DUPLICATE_ROWS" in codes()
    assert "NEAR_DUPLICATE_ROWS" in codes(near_duplicates=True)
    assert "NEAR_DUPLICATE_ROWS" not in codes(near_duplicates=False)


def test_columns_with_other_names_are_read_if_they_are_set(stubs):
    content = to_jsonl([{"subject": f"Where is parcel {number}?", "team": "A"} for number in range(3)])

    dataset = upload(stubs, content, display_name="tickets", input_column="subject", output_column="team")

    rows = stubs.datasets.ListDatasetRows(pb2.ListDatasetRowsRequest(name=dataset.name)).rows
    assert [(row.input, row.output) for row in rows] == [(f"Where is parcel {number}?", "A") for number in range(3)]
    failure = refused(stubs.datasets.UploadDataset, upload_messages(content))
    assert set(failure.violations) >= {"rows[1].input", "rows[1].output"}
