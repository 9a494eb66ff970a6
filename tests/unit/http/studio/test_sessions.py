"""The addresses that pages name."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from foreword.http.studio.pages.home import _lead
from foreword.http.studio.sessions import service_address


@pytest.mark.parametrize(
    ("dialled", "host", "certificate", "named"),
    [
        ("unix:/run/service", "127.0.0.1", None, "127.0.0.1:50052"),
        ("unix:/run/service", "tune.example", "chain.pem", "https://tune.example:50052"),
        ("unix:/run/service", "::1", None, "[::1]:50052"),
        ("https://elsewhere.example:443", "tune.example", None, "https://elsewhere.example:443"),
    ],
)
def test_the_service_is_named_as_programs_reach_it(
    dialled: str, host: str, certificate: str | None, named: str
) -> None:
    settings = SimpleNamespace(port=50052, tls_certificate=certificate)
    request: Any = SimpleNamespace(
        url=SimpleNamespace(hostname=host), app=SimpleNamespace(state=SimpleNamespace(settings=settings))
    )
    session: Any = SimpleNamespace(client=SimpleNamespace(endpoint=dialled))

    assert service_address(request, session) == named


def test_a_count_that_was_cut_off_is_called_so() -> None:
    assert _lead(7, 21) == "More than 6 runs are under way. More than 20 models are deployed."
    assert _lead(6, 1) == "6 runs are under way. One model is deployed."
