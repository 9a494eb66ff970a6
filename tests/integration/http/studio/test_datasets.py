"""The pages of datasets."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from markupsafe import escape

from factories.api import create_experiment, make_file, to_jsonl, upload
from factories.http import RunningHttp, running_http
from factories.queued_runs import finish_queue
from factories.servers import RunningServer
from factories.studio import HOSTILE_TEXTS, Browser, text_of
from foreword.domain.tenant import Scope
from foreword.http.studio.pages import datasets
from foreword.v1 import dataset_service_pb2

LIST = "/tenants/studio-data/datasets"
HOSTILE = ("<script>document.title='taken'</script>", "\"'><img src=x onerror=alert(1)>", "שלום \u202e🧪")
FAULTY = b"""{"input": "", "output": "x"}

not json
{"input": "a"}
{"input": "a", "output": "b"}
"""


@pytest.fixture(scope="module")
def key(server: RunningServer) -> str:
    return server.new_key("studio-data")


@pytest.fixture
def browser(http: RunningHttp, key: str) -> Iterator[Browser]:
    with Browser(http, key) as found:
        yield found


@pytest.fixture
def stubs(server: RunningServer, key: str) -> object:
    return server.stubs(key)


def send(browser: Browser, content: bytes, status: int = 200, *, name: str = "rows.jsonl", **fields: str) -> str:
    answer = browser.post(LIST, files={"file": (name, content)}, data={"action": "store"} | fields)
    assert answer.status_code == status, text_of(answer.text)
    return answer.text


def names(stubs: object) -> list[str]:
    listed = stubs.datasets.ListDatasets(dataset_service_pb2.ListDatasetsRequest(page_size=1000))
    return [item.display_name for item in listed.datasets]


def test_without_datasets_the_page_offers_an_upload(server: RunningServer, http: RunningHttp) -> None:
    with Browser(http, server.new_key("studio-empty")) as browser:
        page = browser.page("/tenants/studio-empty/datasets")

    assert "No dataset has been uploaded." in text_of(page)
    assert 'enctype="multipart/form-data"' in page


def test_a_file_is_stored_under_its_name_and_shown_with_its_report_and_rows(browser: Browser) -> None:
    page = send(browser, make_file(), name="My complaints.jsonl", base_model="baseModels/foreword--starter")

    text = text_of(page)
    assert "My complaints, version 1" in text
    assert "All 30 rows can be used" in text
    assert "Length of inputs in tokens" in text
    assert "Rows by label" in text
    assert "Complaint number 29 about" in text
    listed = text_of(browser.page(f"{LIST}?name=My+complaints"))
    assert "My complaints , version 1" in listed
    assert " 30 4 " in listed, "rows and labels"


def test_another_file_of_a_name_is_its_next_version(browser: Browser) -> None:
    send(browser, make_file(10), display_name="versions")
    page = send(browser, make_file(12), display_name="versions")

    assert "versions, version 2" in text_of(page)
    assert "Upload version 3" in text_of(page)
    assert "version 1 , 10 rows" in text_of(page)
    assert 'value="versions"' in browser.page(f"{LIST}?upload=versions")


def test_a_version_is_compared_with_the_one_before_or_another(browser: Browser, stubs: object) -> None:
    rows = [json.loads(line) for line in make_file(40).splitlines()]
    first = upload(stubs, to_jsonl(rows), display_name="shifts").name
    second = upload(stubs, to_jsonl([row for row in rows if row["output"] != "Planning"]), display_name="shifts").name
    third = upload(stubs, to_jsonl(rows), display_name="shifts").name

    assert "Difference to version" not in browser.page(f"/{first}")
    page = text_of(browser.page(f"/{second}"))
    assert "Difference to version 1" in page
    assert "Planning 8 20.0 % 0 0.0 % \u221220.0" in page
    assert "Version 1 has 40 rows, version 2 has 32." in page
    assert "Planning 0 0.0 % 8 20.0 % +20.0" in text_of(browser.page(f"/{third}"))
    same = text_of(browser.page(f"/{third}?against={first.rsplit('/', 1)[1]}"))
    assert "Every label set has as many rows as in version 1." in same
    assert "the same rows" in same


def test_a_faulty_file_shows_all_its_faults_with_rows_and_stores_nothing(browser: Browser, stubs: object) -> None:
    page = send(browser, FAULTY, 400, name="bad.jsonl", display_name="Refused", task="generation")

    text = text_of(page)
    assert "Refused: bad.jsonl" in text
    assert "Nothing was stored. 3 of 4 rows cannot be used." in text
    faults = (
        "The input is empty. Add a text",
        "Row 1 EMPTY_INPUT",
        "The row is not JSON",
        "Row 3 NOT_JSON",
        "Key 'output' is missing.",
        "Row 4 MISSING_KEY",
        "TOO_FEW_ROWS",
        "reason DATASET_INVALID",
    )
    for fault in faults:
        assert fault in text, fault
    assert 'value="Refused"' in page, "what was typed is kept"
    assert '<option value="generation" selected>' in page
    assert "Refused" not in names(stubs)


def test_a_file_can_be_checked_without_being_stored(browser: Browser, stubs: object) -> None:
    page = send(browser, make_file(), action="check", display_name="Only checked", base_model="")

    assert "The file can be stored. 30 of 30 rows can be used. Nothing has been stored yet." in text_of(page)
    assert '<option value="" selected>nothing: characters only' in page
    assert "Only checked" not in names(stubs)
    assert "The file would be refused. 3 of 4 rows" in text_of(send(browser, FAULTY, action="check"))


@pytest.mark.parametrize(
    ("fields", "field", "fault"),
    [
        ({"display_name": "x" * 10_000}, "display_name", "at most 200 characters, not 10,000"),
        ({"task": "<b>nothing"}, "task", "nothing"),
    ],
)
def test_a_fault_of_a_field_is_shown_beside_it(
    browser: Browser, fields: dict[str, str], field: str, fault: str
) -> None:
    page = send(browser, make_file(2), 400, **fields)

    beside = page[page.index(f'id="{field}-fault"') :]
    assert fault in text_of(beside[: beside.index("</p>")])
    assert f"{field}-fault" in page[page.index(f'id="{field}"') :].split(">")[0], "it describes the field"
    assert "<b>nothing" not in page


def test_a_file_without_rows_is_refused_with_its_reason(browser: Browser) -> None:
    text = text_of(send(browser, b"", 400, name="empty.jsonl"))

    assert "Nothing was stored. The file" in text
    assert " 0 of 0 rows" not in text


def test_a_form_without_a_file_is_shown_again(browser: Browser) -> None:
    answer = browser.post(LIST, data={"display_name": "kept", "action": "store"}, files={"other": ("", b"")})

    assert answer.status_code == 400
    assert "Choose a file of rows." in text_of(answer.text)
    assert 'value="kept"' in answer.text


def test_a_file_over_the_limit_and_one_from_elsewhere_are_refused(server: RunningServer, key: str) -> None:
    with running_http(server, max_dataset_bytes=1000) as small, Browser(small, key) as browser:
        assert "up to 1.0 kB" in text_of(browser.page(LIST))
        answer = browser.post(LIST, files={"file": ("big.jsonl", bytes(3 * 2**20))}, data={"action": "store"})
        assert (answer.status_code, "MESSAGE_TOO_LARGE" in answer.text) == (413, True)
        crossed = browser.post(LIST, files={"file": ("a", b"")}, headers={"sec-fetch-site": "cross-site"})
        assert crossed.status_code == 403
        assert browser.post(LIST, json={}).status_code == 415


def test_a_row_is_led_to_by_its_number_in_the_file(browser: Browser, stubs: object) -> None:
    lines = make_file(120).splitlines(keepends=True)
    content = b"".join(lines[:10]) + b"\n\n" + b"".join(lines[10:])  # blank lines count
    dataset = f"/{upload(stubs, content, display_name='paged').name}"

    page = browser.page(f"{dataset}?row=60")
    assert 'id="row-60" class="chosen"' in page
    assert ("Complaint number 57 " in page, "Complaint number 47 " in page) == (True, False)
    assert f'href="{dataset}?after=100#rows"' in page
    assert 'id="row-1"' in browser.page(f"{dataset}?after=0")
    last = browser.page(f"{dataset}?after=100")
    assert "101 to 122, 120 rows in all" in text_of(last)
    assert 'rel="next"' not in last
    assert "There is no row 900." in text_of(browser.page(f"{dataset}?row=900"))
    for text in ("-1", "x", "9" * 30, "<b>", "١"):
        assert 'id="row-1"' in browser.page(f"{dataset}?row={text}")


def test_findings_lead_to_the_rows_that_they_name(browser: Browser, stubs: object) -> None:
    rows = [json.loads(line) for line in make_file(60).splitlines()]
    rows[7] = {"input": rows[6]["input"], "output": "Planning, Service"}
    dataset = f"/{upload(stubs, to_jsonl(rows)).name}"

    page = browser.page(dataset)

    assert f'href="{dataset}?row=8#row-8"' in page
    row = page[page.index('id="row-8"') :]
    assert "conflicting outputs" in text_of(row[: row.index("</tr>")])


def test_texts_of_rows_and_names_are_shown_as_texts(browser: Browser, stubs: object) -> None:
    long = "word " * 4_000
    rows = [{"input": f"{text} {number}", "output": text} for number, text in enumerate((*HOSTILE, long) * 5)]
    dataset = upload(stubs, to_jsonl(rows), display_name=HOSTILE[0], description=HOSTILE[1]).name

    for path in (f"/{dataset}", LIST, f"{LIST}?name={HOSTILE[1]}&order_by={HOSTILE[0]}&upload={HOSTILE[0]}"):
        page = browser.page(path)
        assert "<script>document" not in page
        assert "<img src=x" not in page
        assert str(escape(HOSTILE[0])) in page
    assert "and 19,4" in text_of(browser.page(f"/{dataset}")), "a long text is cut"


@pytest.mark.parametrize("text", HOSTILE_TEXTS)
def test_whatever_is_typed_into_the_form_of_an_upload_comes_back_as_text(browser: Browser, text: str) -> None:
    page = send(browser, FAULTY, 400, name=f"{text[:50]}.jsonl", display_name=text, task="", base_model="")

    assert f'value="{escape(text)}"' in page
    assert "<script>document" not in page
    assert "<img src=x" not in page


def test_a_list_says_that_it_has_not_counted_all_experiments(
    server: RunningServer, http: RunningHttp, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = server.new_key("studio-counts")
    stubs = server.stubs(key)
    unused, used = (upload(stubs, make_file(count), display_name=f"set {count}").name for count in (14, 15))
    for number in range(3):
        create_experiment(stubs, used, display_name=f"Run {number}")
    finish_queue(server)

    with Browser(http, key) as browser:
        whole = browser.page("/tenants/studio-counts/datasets")
        monkeypatch.setattr(datasets, "_MOST_RUNS", 2)
        part = browser.page("/tenants/studio-counts/datasets")

    assert f'href="/{used}#runs">3 experiments</a>' in whole
    assert f'href="/{unused}#runs"' not in whole
    assert f'href="/{used}#runs">at least 2 experiments</a>' in part
    assert f'href="/{unused}#runs">older experiments, if any</a>' in part


def test_a_dataset_is_deleted_unless_a_run_needs_it(server: RunningServer, browser: Browser, stubs: object) -> None:
    name = upload(stubs, display_name="doomed").name
    create_experiment(stubs, name, display_name="Needs it")

    kept = browser.submit(f"/{name}/delete", status=400)
    assert "Needs it" in text_of(kept)
    assert 'role="alert"' in kept
    finish_queue(server)
    gone = browser.submit(f"/{name}/delete")

    assert "<h1>Datasets</h1>" in gone
    assert "There is nothing here" in text_of(browser.page(f"/{name}", 404))


def test_runs_on_a_dataset_are_named_in_the_list_and_on_its_page(
    server: RunningServer, browser: Browser, stubs: object
) -> None:
    name = upload(stubs, display_name="used").name
    create_experiment(stubs, name, display_name="First run")

    assert "First run" in text_of(browser.page(f"{LIST}?name=used"))
    create_experiment(stubs, name, display_name="Second run")
    finish_queue(server)

    assert "2 experiments" in text_of(browser.page(f"{LIST}?name=used"))
    page = text_of(browser.page(f"/{name}"))
    assert "First run" in page
    assert "Second run" in page


def test_a_key_that_may_only_read_is_offered_no_change(server: RunningServer, http: RunningHttp, stubs: object) -> None:
    name = upload(stubs, display_name="read only").name
    with Browser(http, server.new_key("studio-data", (Scope.READ,))) as browser:
        for page in (browser.page(LIST), browser.page(f"/{name}")):
            assert 'method="post" action="/tenants/studio-data/datasets' not in page
            assert "Upload" not in text_of(page).replace("Uploaded", "")
            assert "Tune with this" not in page
        assert "reason SCOPE_MISSING" in text_of(browser.submit(f"/{name}/delete", status=403))
        answer = browser.post(LIST, files={"file": ("a.jsonl", make_file(2))}, data={"action": "store"})
        assert answer.status_code == 403


def test_a_dataset_of_another_tenant_is_missing(server: RunningServer, http: RunningHttp, stubs: object) -> None:
    id = upload(stubs, display_name="secret").name.rsplit("/", 1)[1]
    with Browser(http, server.new_key("studio-data-other")) as browser:
        assert "There is nothing here" in text_of(browser.page(f"/tenants/studio-data-other/datasets/{id}", 404))
        assert "Sign in" in text_of(browser.page(f"/tenants/studio-data/datasets/{id}"))
        browser.submit(f"/tenants/studio-data-other/datasets/{id}/delete", status=404)
