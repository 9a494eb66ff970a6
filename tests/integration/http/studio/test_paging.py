"""Pages of long lists, whose links have the service's page tokens."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html import unescape

import pytest

from factories.api import make_file, upload
from factories.http import RunningHttp
from factories.servers import RunningServer
from factories.studio import Browser, text_of
from foreword.http.studio import paging

LIST = "/tenants/studio-pages/datasets"
BY_NAME = f"{LIST}?order_by=display_name"


@pytest.fixture(scope="module")
def key(server: RunningServer) -> str:
    """Key of a tenant with the datasets `set c`, `set a` and `set b`, uploaded in this order."""
    key = server.new_key("studio-pages")
    for place, name in enumerate("cab"):
        upload(server.stubs(key), make_file(4 + place), display_name=f"set {name}")
    return key


@pytest.fixture
def browser(key: str, http: RunningHttp, monkeypatch: pytest.MonkeyPatch) -> Iterator[Browser]:
    """A browser that is signed in to this tenant, whose lists have two items on a page."""
    monkeypatch.setattr(paging, "PAGE_SIZE", 2)
    with Browser(http, key) as found:
        yield found


def names(page: str) -> list[str]:
    """Return the names of the datasets on a page."""
    return re.findall(r">set (\w+)</a>", page)


def query_of(rel: str, page: str) -> str:
    """Return the query of the link to the next page of a list, or to the previous one; empty if there is none."""
    found = re.search(rf'href="\?([^"]*)" rel="{rel}"', page)
    return "" if found is None else unescape(found[1])


def test_a_list_is_sorted_and_paged(browser: Browser) -> None:
    first = browser.page(BY_NAME)

    assert names(first) == ["a", "b"]
    assert names(browser.page(f"{LIST}?{query_of('next', first)}")) == ["c"]
    assert names(browser.page(LIST)) == ["b", "a"]
    assert names(browser.page(f"{LIST}?order_by=row_count&page=2")) == ["c", "a"]  # without a token: the first page


def test_links_lead_through_a_long_list_and_back(
    server: RunningServer, http: RunningHttp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "PAGE_SIZE", 1)
    key, path = server.new_key("studio-long"), "/tenants/studio-long/datasets"
    for number in range(13):
        upload(server.stubs(key), display_name=f"set {number:02}")

    seen: list[str] = []
    with Browser(http, key) as browser:
        page = browser.page(f"{path}?order_by=display_name")
        for rel in ("next", "prev"):
            while query := query_of(rel, page):
                seen += names(page)
                page = browser.page(f"{path}?{query}")
        seen += names(page)
        first = re.search(r'href="([^"]*)">First page', page)
        assert first is not None
        page = browser.page(f"{path}{unescape(first[1])}")

    assert [int(name) for name in seen] == [*range(12), *range(12, 2, -1)]  # back as far as the address has tokens
    assert names(page) == ["00"]


@pytest.mark.parametrize(
    ("change", "first"),
    [
        (lambda query: query.replace("display_name", "row_count"), "?order_by=row_count"),
        (lambda query: query + "&name=set", "?order_by=display_name&amp;name=set"),
        (lambda query: query[:-5], "?order_by=display_name"),
        (lambda query: query + "x" * 11_000, "?order_by=display_name"),
    ],
    ids=["order", "filter", "cut", "long"],
)
def test_a_page_token_of_another_list_leads_to_the_first_page(
    browser: Browser, change: Callable[[str], str], first: str
) -> None:
    query = query_of("next", browser.page(BY_NAME))

    page = browser.page(f"{LIST}?{change(query)}", status=400)

    assert "The page token in the address belongs to another list, filter, order or tenant" in text_of(page)
    assert f'href="{first}">Go to the first page' in page


def test_a_page_token_of_another_tenant_is_refused(browser: Browser, server: RunningServer, http: RunningHttp) -> None:
    query = query_of("next", browser.page(LIST))

    with Browser(http, server.new_key("studio-thief")) as thief:
        page = thief.page(f"/tenants/studio-thief/datasets?{query}", status=400)

    assert "belongs to another list, filter, order or tenant" in text_of(page)
