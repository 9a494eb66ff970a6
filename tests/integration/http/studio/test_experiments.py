"""The pages of tuning experiments."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import httpx2
import pytest
from markupsafe import escape

from factories.api import cancelled_experiment, create_experiment, tuned_model, upload
from factories.dead_connections import forwarding
from factories.http import RunningHttp
from factories.queued_runs import finish_queue
from factories.servers import RunningServer
from factories.studio import HOSTILE_TEXTS, Browser, text_of


@pytest.fixture(scope="module")
def dataset(server: RunningServer) -> str:
    name: str = upload(server.stubs()).name
    return name


@pytest.fixture
def queued(server: RunningServer, dataset: str) -> Iterator[str]:
    """The name of a queued experiment."""
    yield create_experiment(server.stubs(), dataset, display_name="Waiting").name
    finish_queue(server)


def test_a_run_that_waits_is_shown_as_such_and_can_be_cancelled(browser: Browser, queued: str) -> None:
    page = browser.page(f"/{queued}")
    assert "Waiting (1) queued" in text_of(page)
    assert f'hx-sse:connect="/{queued}/live"' in page

    after = browser.submit(f"/{queued}/cancel")

    assert "cancelled" in text_of(after)
    assert "hx-sse:connect" not in after


def test_a_run_that_has_succeeded_shows_how_it_was_made(server: RunningServer, browser: Browser) -> None:
    model = tuned_model(server, server.stubs(), display_name="Made")
    experiment = server.stubs().tuned_models.GetTunedModel(_get(model)).tune_experiment

    page = browser.page(f"/{experiment}")

    assert "succeeded" in text_of(page)
    assert "<code>num_virtual_tokens</code>" in page
    assert "<code>token_dropout</code>" in page
    assert ">True<" not in page
    assert f'href="/{model}#deploy"' in page


@pytest.mark.parametrize("name", HOSTILE_TEXTS)
def test_names_are_shown_as_texts(server: RunningServer, browser: Browser, dataset: str, name: str) -> None:
    experiment = cancelled_experiment(server.stubs(), dataset, display_name=name)

    for path in ("/tenants/dev/tuneExperiments", f"/{experiment}", "/tenants/dev/"):
        page = browser.page(path)
        assert "<script>document" not in page
        assert "<img src=x" not in page
        if path != "/tenants/dev/":
            assert str(escape(name)) in page


def test_the_list_is_filtered_by_name_and_state(server: RunningServer, browser: Browser, dataset: str) -> None:
    cancelled_experiment(server.stubs(), dataset, display_name='Odd "name" \\ here')

    assert "Odd" in text_of(browser.page('/tenants/dev/tuneExperiments?name="name"+\\&state=cancelled'))
    assert "No run matches." in text_of(browser.page("/tenants/dev/tuneExperiments?name=nothing+like+this"))
    assert browser.page("/tenants/dev/tuneExperiments?state=<i>&order_by=%27%3B").count("<i>") == 0


def test_a_missing_run_and_one_of_another_tenant_look_alike(
    server: RunningServer, http: RunningHttp, queued: str
) -> None:
    other = server.new_key("studio-other")
    with Browser(http, other) as browser:
        id = queued.rsplit("/", 1)[1]
        pages = [browser.page(f"/tenants/studio-other/tuneExperiments/{name}", 404) for name in (id, "missing")]

    assert "There is nothing here" in text_of(pages[0])
    assert text_of(pages[0]).replace(id, "missing").split("request")[0] == text_of(pages[1]).split("request")[0]


def test_a_live_page_streams_its_parts_until_the_run_has_ended(
    server: RunningServer, browser: Browser, queued: str
) -> None:
    with browser.stream("GET", f"/{queued}/live") as stream:
        lines = stream.iter_lines()
        assert next(lines) == "id: 0"
        assert next(lines).startswith("data: ")
        browser.submit(f"/{queued}/cancel")
        rest = "\n".join(lines)

    assert stream.headers["content-type"].startswith("text/event-stream")
    assert "cancelled" in rest
    assert rest.rstrip().endswith("event: end\ndata: end")


def test_a_live_page_is_cut_off_when_a_service_elsewhere_has_gone(server: RunningServer, queued: str) -> None:
    port = int(server.endpoint.rpartition(":")[2])
    with (
        forwarding(port) as forwarder,
        closing(RunningHttp(forwarder.endpoint)) as elsewhere,
        Browser(elsewhere, "dev") as browser,
        browser.stream("GET", f"/{queued}/live") as stream,
    ):
        lines = stream.iter_lines()
        assert next(lines) == "id: 0"
        forwarder.close()
        with pytest.raises(httpx2.RemoteProtocolError):  # whereupon the browser shows that the service is away
            list(lines)


def _get(name: str) -> object:
    from foreword.v1 import tuned_model_service_pb2

    return tuned_model_service_pb2.GetTunedModelRequest(name=name)
