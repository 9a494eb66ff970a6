"""Repetition of calls that only read, while Slack limits them or is not able to answer."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from urllib.parse import urlsplit

from slack_sdk.http_retry.async_handler import AsyncRetryHandler
from slack_sdk.http_retry.request import HttpRequest
from slack_sdk.http_retry.response import HttpResponse
from slack_sdk.http_retry.state import RetryState

from foreword.backoff import Backoff
from foreword.observability.logging import get_logger
from foreword_slack.clock import Clock
from foreword_slack.verdicts import Failure, judge, judge_response

_log = get_logger("slack.api")

_MOST_FAILURES = 8
_MOST_SECONDS = 900.0
_LIMITED_EXTRA_SECONDS = (1.0, 3.0)  # later than the outbox, whose searches need the same budget
_WAITED = "foreword_waited_seconds"


class PatientRetryHandler(AsyncRetryHandler):
    """A retry handler of the SDK for calls that have no effect.

    It repeats a call after a rate limit, an error of the server or a lost connection, for at most 15 minutes. The SDK's
    own handlers do not repeat a call after `internal_error`, which Slack answers with status 200.

    Args:
        clock: Clock of the waits.
        random: Source of their jitter.
        on_wait: Called with a sentence before each wait.
    """

    def __init__(self, clock: Clock, random: Random, on_wait: Callable[[str], object]) -> None:
        super().__init__(max_retry_count=99)
        self._clock, self._random, self._on_wait = clock, random, on_wait
        self._backoff = Backoff(1.0, 30.0, random)

    async def _can_retry_async(
        self,
        *,
        state: RetryState,
        request: HttpRequest,
        response: HttpResponse | None = None,
        error: Exception | None = None,
    ) -> bool:
        failure = _failure(response, error)
        if failure is None or not failure.is_passing:
            return False
        is_limited = failure.reason == "ratelimited"
        return _waited(state) < _MOST_SECONDS and (is_limited or state.current_attempt < _MOST_FAILURES)

    async def prepare_for_next_attempt_async(
        self,
        *,
        state: RetryState,
        request: HttpRequest,
        response: HttpResponse | None = None,
        error: Exception | None = None,
    ) -> None:
        """Wait as long as Slack asks for, or longer after each failure."""
        failure = _failure(response, error)
        assert failure is not None
        if failure.retry_after_seconds is None:
            seconds = 0.5 + self._backoff.seconds(state.current_attempt + 1)
        else:
            seconds = failure.retry_after_seconds + self._random.uniform(*_LIMITED_EXTRA_SECONDS)
        method = urlsplit(request.url).path.rpartition("/")[2]
        _log.warning("slack_call_repeated", method=method, reason=failure.reason, seconds=round(seconds, 1))
        self._on_wait(f"Slack does not answer {method} now ({failure.reason}); trying again in {seconds:.0f} s.")
        await self._clock.sleep(seconds)
        state.custom_values = {_WAITED: _waited(state) + seconds}
        state.next_attempt_requested = True
        state.increment_current_attempt()


def _waited(state: RetryState) -> float:
    return float((state.custom_values or {}).get(_WAITED, 0.0))


def _failure(response: HttpResponse | None, error: Exception | None) -> Failure | None:
    """Return why a call failed; None if it did not."""
    if error is not None:
        return judge(error)
    if response is None:
        return None
    body = response.body
    if response.status_code == 200 and isinstance(body, dict) and body.get("ok"):
        return None
    code = str(body.get("error") or "") if isinstance(body, dict) else ""
    return judge_response(response.status_code, code, response.headers)
