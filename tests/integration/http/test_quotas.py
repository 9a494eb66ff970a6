"""Quotas of a tenant over HTTP, in OpenAI's form."""

from __future__ import annotations

import openai
import pytest

from factories.http import RunningHttp
from factories.servers import RunningServer
from foreword.client import Client

BASE = "foreword--starter"


def test_a_rate_that_is_used_up_has_the_headers_that_openais_clients_read(
    http: RunningHttp, server: RunningServer
) -> None:
    key = server.new_key("over-http")
    with Client(server.endpoint, "dev") as admin:
        admin.update_quota("over-http", {"tokens_per_second": 1.0})
    with http.client(key) as ai:
        ai.completions.create(model=BASE, prompt="Where is it?", max_tokens=2)
        with pytest.raises(openai.RateLimitError) as caught:
            ai.completions.create(model=BASE, prompt="Where is it?", max_tokens=2)

    headers, error = caught.value.response.headers, caught.value.response.json()["error"]
    assert error["code"] == "rate_limit_exceeded"
    assert error["reason"] == "QUOTA_EXCEEDED"
    assert "tokens_per_second of tenants/over-http is 1" in error["message"]
    assert headers["x-ratelimit-limit-tokens"] == "1"
    assert headers["x-ratelimit-remaining-tokens"] == "0"
    assert float(headers["x-ratelimit-reset-tokens"].removesuffix("s")) >= float(headers["retry-after-ms"]) / 1000 - 0.1
    assert headers["x-should-retry"] == "true"


def test_a_quota_that_waiting_does_not_free_is_not_repeated(http: RunningHttp, server: RunningServer) -> None:
    key = server.new_key("full-over-http")
    with Client(server.endpoint, "dev") as admin:
        admin.update_quota("full-over-http", {"dataset_rows": 1})
    rows = b'{"prompt": "a", "completion": "b"}\n{"prompt": "c", "completion": "d"}\n' * 10
    with http.client(key) as ai, pytest.raises(openai.RateLimitError) as caught:
        ai.files.create(file=("rows.jsonl", rows), purpose="fine-tune")

    headers, error = caught.value.response.headers, caught.value.response.json()["error"]
    assert (error["code"], error["type"]) == ("insufficient_quota", "insufficient_quota")
    assert "the quota dataset_rows of tenants/full-over-http is 1" in error["message"]
    assert headers["x-should-retry"] == "false"
    assert "retry-after" not in headers
