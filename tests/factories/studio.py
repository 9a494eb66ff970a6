"""A browser without a screen, for the pages of the studio: cookies, redirects, and headers as browsers send them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import unescape
from typing import Any, Self

import httpx2

from factories.http import RunningHttp

HOSTILE_TEXTS = (
    "<script>document.title='taken'</script>",
    "\"'><img src=x onerror=alert(1)>",
    "{{ 7 * 7 }} ${7*7} <%= 7 %>",
    "javascript:alert(1)",
    "\u05d0\u05d1 \U0001f9ea \ufffd",
    "x" * 190,
)
"""Texts that a page must show as they are; none is longer than a display name may be."""


class Browser(httpx2.Client):
    """A browser of the studio, which may be signed in to several tenants. It is used in a `with` block.

    Args:
        http: The running HTTP, or its port.
        keys: API keys to sign in with.
    """

    def __init__(self, http: RunningHttp | int, *keys: str) -> None:
        super().__init__(
            base_url=f"http://127.0.0.1:{http if isinstance(http, int) else http.port}",
            headers={"sec-fetch-site": "same-origin"},
            trust_env=False,
            verify=False,  # nothing is encrypted, and loading certificates takes longer than most requests
            follow_redirects=True,
            timeout=60,
        )
        self._keys = keys

    def __enter__(self) -> Self:
        """Open the browser and sign in."""
        super().__enter__()
        for key in self._keys:
            assert self.post("/sign-in", data={"api_key": key, "next": ""}).status_code == 200
        return self

    def page(self, path: str, status: int = 200) -> str:
        """Return the HTML of a page."""
        answer = self.get(path)
        assert answer.status_code == status, text_of(answer.text)
        return answer.text

    def submit(self, path: str, fields: Mapping[str, Any] | None = None, status: int = 200) -> str:
        """Send a form, and return the HTML of the page that follows."""
        answer = self.post(path, data=dict(fields or {}))
        assert answer.status_code == status, text_of(answer.text)
        return answer.text

    def sign_in_again(self, key: str, path: str, fields: Mapping[str, str]) -> str:
        """Send a form whose session has ended, sign in, and return the HTML of the page that has its text again."""
        self.cookies.clear()
        asked = self.submit(path, fields, 401)
        assert "what you have typed is kept, and nothing has been done yet" in text_of(asked)
        resumed = self.submit("/sign-in", {**hidden_fields(asked), "api_key": key})
        assert f'action="{path}?again"' in resumed
        return self.submit(f"{path}?again", hidden_fields(resumed))


def text_of(html: str) -> str:
    """Return the text of a page, with one space between words."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


def hidden_fields(html: str) -> dict[str, str]:
    """Return the hidden fields of a page by name."""
    found = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', html)
    return {unescape(name): unescape(value) for name, value in found}
