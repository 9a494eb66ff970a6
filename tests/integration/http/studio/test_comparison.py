"""The page of experiments side by side."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from markupsafe import escape

from factories.api import cancelled_experiment, create_experiment, make_file, upload
from factories.ended_runs import end_oldest, held_out_results
from factories.http import RunningHttp
from factories.servers import RunningServer
from factories.studio import HOSTILE_TEXTS, Browser, text_of
from foreword.v1 import dataset_service_pb2

PAGE = "/tenants/studio-compare/compare"


@pytest.fixture(scope="module")
def key(server: RunningServer) -> str:
    return server.new_key("studio-compare")


@pytest.fixture
def browser(http: RunningHttp, key: str) -> Iterator[Browser]:
    with Browser(http, key) as found:
        yield found


@pytest.fixture(scope="module")
def stubs(server: RunningServer, key: str) -> Any:
    return server.stubs(key)


@pytest.fixture(scope="module")
def dataset(stubs: Any) -> str:
    return str(upload(stubs, display_name="Shared").name)


@pytest.fixture(scope="module")
def runs(server: RunningServer, stubs: Any, dataset: str) -> list[str]:
    """The ids of three ended runs: the second is nearly as good as the first, the third is worse."""
    found = [
        create_experiment(stubs, dataset, display_name=name, parameters={"learning_rate": rate})
        for name, rate in (("First", 0.125), ("Near", 0.25), ("Far", 0.5))
    ]
    for place, answers in enumerate([["Service"] * 40, ["Service"] * 39 + ["Planning"], ["Planning"] * 40]):
        end_oldest(server, steps=10, evaluation=held_out_results(answers), model=f"model-{place}")
    return [run.name.rsplit("/", 1)[1] for run in found]


def path(ids: list[str], **query: str) -> str:
    return f"{PAGE}?{'&'.join([*(f'e={id}' for id in ids), *(f'{name}={value}' for name, value in query.items())])}"


def line(page: str, name: str) -> list[str]:
    """Return the texts of the cells in the line of a table."""
    start = page.index(f'<th scope="row">{name}</th>')
    return [text_of(f"<td{cell}") for cell in page[start : page.index("</tr>", start)].split("<td")[1:]]


def test_only_what_differs_is_shown_and_differences_are_to_the_baseline(browser: Browser, runs: list[str]) -> None:
    page = browser.page(path(runs))

    text = text_of(page)
    assert "Three experiments First (1) has the best Exact match, 1.000." in text
    assert line(page, "<code>learning_rate</code>") == ["0.125", "0.25", "0.5"]
    assert "<code>batch_size</code>" not in page, "it is the same in all runs"
    first, near, near_change, far, far_change = line(page, "Exact match")
    assert (first, near, far) == ("1.000", "0.975", "0.000")
    assert near_change.startswith("\u22120.025 \u2212"), "its interval, and no word: it is neither better nor worse"
    assert far_change.startswith("\u22121.000 worse, \u22121.000 to \u22120.")
    assert "WITHIN_NOISE" in text
    assert "Held-out loss by epoch" in text
    assert page.count('<path class="') >= 3


def test_another_run_can_be_the_baseline(browser: Browser, runs: list[str]) -> None:
    page = browser.page(path(runs, baseline=runs[2]))

    assert f'name="baseline" value="{runs[2]}" checked' in page
    first, first_change, _, _, far = line(page, "Exact match")
    assert (first, far) == ("1.000", "0.000")
    assert first_change.startswith("+1.000 better, +0.")
    assert "First (1) has the best Exact match, 1.000." in text_of(page)
    assert f'value="{runs[0]}" checked' in browser.page(path(runs, baseline="<script>"))


def test_runs_without_results_and_on_other_or_deleted_data_are_compared(
    server: RunningServer, browser: Browser, stubs: Any, runs: list[str]
) -> None:
    other = upload(stubs, make_file(31), display_name="Other").name
    gone = upload(stubs, make_file(33), display_name="Gone").name
    more = [cancelled_experiment(stubs, name, display_name="Stopped").rsplit("/", 1)[1] for name in (other, gone)]
    stubs.datasets.DeleteDataset(dataset_service_pb2.DeleteDatasetRequest(name=gone))

    page = browser.page(path([runs[0], *more]))

    assert line(page, "data")[0] == "Shared, version 1"
    assert line(page, "data")[1] == "Other, version 1"
    assert line(page, "data")[2].endswith(", deleted")
    assert f'href="/{other}"' in page
    assert f'href="/{gone}"' not in page
    assert "Other, version 1 has 30 rows in common" in text_of(page)
    assert "HELD_OUT_ROWS_DIFFER" in page
    assert "of the only run with held-out results" in text_of(page)
    none = text_of(browser.page(path(more)))
    assert "None of the runs has held-out results." in none
    assert "Curves" not in none


def test_twenty_runs_are_compared_and_more_are_not(browser: Browser, stubs: Any, dataset: str, runs: list[str]) -> None:
    more = [
        cancelled_experiment(stubs, dataset, display_name=f"Many {seed}", parameters={"seed": seed}).rsplit("/", 1)[1]
        for seed in range(17)
    ]
    page = browser.page(path([*runs, *more]))

    assert "20 experiments" in text_of(page)
    assert len(line(page, "<code>seed</code>")) == 20
    refused = browser.page(path([f"e{number}" for number in range(21)]), 400)
    assert "21 runs were ticked, and at most 20 can be compared." in text_of(refused)


@pytest.mark.parametrize("query", ["", "?e=", "?e=one", "?e=one&e=one"])
def test_fewer_than_two_runs_lead_to_the_list(browser: Browser, query: str) -> None:
    page = browser.page(PAGE + query)

    assert "Tick at least 2 runs" in text_of(page)
    assert 'href="/tenants/studio-compare/tuneExperiments"' in page


def test_missing_runs_and_those_of_another_tenant_are_refused(
    server: RunningServer, http: RunningHttp, browser: Browser, runs: list[str]
) -> None:
    assert "does not exist" in text_of(browser.page(path([runs[0], "missing"]), 404))
    assert "must look like" in text_of(browser.page(path([runs[0], "a/b c"]), 400))
    with Browser(http, server.new_key("studio-compare-other")) as other:
        page = other.page(path(runs).replace("/studio-compare/", "/studio-compare-other/"), 404)
        assert "First" not in text_of(page)


@pytest.mark.parametrize("text", HOSTILE_TEXTS)
def test_texts_are_shown_as_texts(browser: Browser, stubs: Any, dataset: str, runs: list[str], text: str) -> None:
    run = cancelled_experiment(stubs, dataset, display_name=text, instruction=text * 50)

    page = browser.page(path([runs[0], run.rsplit("/", 1)[1]]))

    assert "<script>document" not in page
    assert "<img src=x" not in page
    assert str(escape(text)) in page
