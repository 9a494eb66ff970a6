"""What a canary means for single requests: the revisions are functions here, the counts are in a real database."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from factories.canaries import HANGS, CanaryTraffic, running_canary
from foreword.domain.rollout import CanaryPlan, RolloutState
from foreword.domain.rollout_figures import RevisionFigures
from foreword.errors import (
    DeadlineExceededError,
    ExhaustedError,
    FailedPreconditionError,
    ForewordError,
    InternalError,
    InvalidArgumentError,
    UnavailableError,
)
from foreword.inference.errors import models_busy_error
from foreword.server.inference.rollout_recorder import MAX_UNJUDGED


@pytest.fixture
async def canary(tmp_path: Path) -> AsyncIterator[CanaryTraffic]:
    async with running_canary(tmp_path) as running:
        yield running


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[CanaryTraffic]:
    """A canary that may be very slow and fail on 2 % of its requests, for which callers wait 20 ms."""
    plan = CanaryPlan(share=0.5, max_latency_ratio=1000.0, promote_after_requests=50)
    async with running_canary(tmp_path, plan, longest_wait_seconds=0.02) as running:
        yield running


@pytest.mark.parametrize(
    ("error", "requests"),
    [
        (InternalError("It broke."), 1),
        (ValueError("a bug in a plugin"), 1),
        (InvalidArgumentError.of("text", "is too long for its context"), 1),
        (ExhaustedError("No memory for its base model.", reason="BASE_MODELS_BUSY"), 1),
        (UnavailableError("Its artifact cannot be read.", reason="ARTIFACT_STORE_UNAVAILABLE"), 1),
        # Not the fault of the revision:
        (ExhaustedError("The queue is full."), 0),
        (UnavailableError("The service stops.", reason="DRAINING"), 0),
    ],
    ids=lambda value: getattr(value, "reason", value.__class__.__name__),
)
async def test_what_a_canary_fails_on_is_answered_by_the_stable_revision(canary: CanaryTraffic, error, requests):
    assert await canary.answering(canary=error) == "stable"

    found = (await canary.figures()).candidate
    assert (found.requests, found.errors, sum(found.error_reasons.values())) == (requests, requests, requests)


async def test_a_failure_of_both_revisions_is_the_callers_and_not_counted(canary: CanaryTraffic):
    mine, theirs = InternalError("canary"), FailedPreconditionError("stable")

    with pytest.raises(ForewordError, match="stable"):
        await canary.answering(canary=mine, stable=theirs)

    assert (await canary.figures()).candidate == RevisionFigures()


@pytest.mark.parametrize(("residents", "errors"), [("canary", 1), ("other, another", 0)])
async def test_a_canary_whose_base_model_displaces_that_of_the_stable_revision_has_failed(
    canary: CanaryTraffic, residents: str, errors: int
):
    displaced = models_busy_error("stable", residents.split(", "), retry_seconds=1.0)

    with pytest.raises(ExhaustedError):
        await canary.answering(chosen=False, stable=displaced)
    with pytest.raises(ExhaustedError):
        await canary.streaming(chosen=False, stable=(displaced,))

    assert (await canary.figures()).candidate.errors == 2 * errors


async def test_a_hanging_canary_leaves_the_stable_revision_most_of_the_time_and_has_failed(canary: CanaryTraffic):
    begin = time.monotonic()

    assert await canary.answering(canary=HANGS, deadline=1.0) == "stable"

    assert 0.2 < time.monotonic() - begin < 0.7
    found = (await canary.figures()).candidate
    assert (found.requests, found.errors) == (1, 1)
    assert found.error_reasons == {"DEADLINE_EXCEEDED": 1}
    assert found.median_seconds is None, "there was no answer"


async def test_a_hanging_canary_is_rolled_back_though_its_callers_have_no_deadline(watched: CanaryTraffic):
    answering = [await watched.answering(canary=HANGS) for _ in range(3)]

    rollout = await watched.rollout()
    assert answering == ["stable"] * 3
    assert rollout.state is RolloutState.ROLLED_BACK
    assert "3 failed (DEADLINE_EXCEEDED 3), above the limit of 2.0%" in rollout.explanation


async def test_an_answer_of_a_canary_after_the_wait_counts_if_it_is_the_first(canary: CanaryTraffic):
    released = asyncio.Event()
    asyncio.get_running_loop().call_later(0.1, released.set)

    assert await canary.answering(canary=released, stable=HANGS, deadline=0.2) == "canary"
    found = (await canary.figures()).candidate
    assert (found.requests, found.errors) == (1, 0)


@pytest.mark.parametrize("late", [HANGS, DeadlineExceededError("The engine gave up.")], ids=["hangs", "fails"])
async def test_callers_who_wait_in_vain_are_counted_for_both_revisions(canary: CanaryTraffic, late):
    async def ask(*, chosen: bool) -> None:
        with pytest.raises((TimeoutError, DeadlineExceededError)):
            async with asyncio.timeout(0.1):
                await canary.answering(deadline=0.08, chosen=chosen, canary=HANGS, stable=late)

    await ask(chosen=True)
    await ask(chosen=False)

    found = await canary.figures()
    assert (found.candidate.missed, found.candidate.errors, found.candidate.requests) == (1, 0, 1)
    assert (found.stable.missed, found.stable.requests) == (1, 1)


async def test_a_caller_who_leaves_early_says_nothing_about_a_revision(canary: CanaryTraffic):
    for chosen in (True, False):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await canary.answering(deadline=60.0, chosen=chosen, canary=HANGS, stable=HANGS)

    found = await canary.figures()
    assert found.candidate == found.stable == RevisionFigures()


async def test_a_caller_without_a_deadline_gets_the_refusal_if_only_a_hanging_canary_is_left(watched: CanaryTraffic):
    with pytest.raises(ExhaustedError):
        await watched.answering(canary=HANGS, stable=ExhaustedError("The queue is full."))

    assert (await watched.figures()).candidate == RevisionFigures()


async def test_requests_beyond_those_that_wait_to_be_counted_go_to_the_stable_revision(canary: CanaryTraffic):
    release = asyncio.Event()
    running = [asyncio.create_task(canary.answering(canary=release)) for _ in range(MAX_UNJUDGED)]
    await asyncio.sleep(0)

    assert await canary.answering() == "stable"
    release.set()
    assert set(await asyncio.gather(*running)) == {"canary"}
    assert await canary.answering() == "stable"
    assert (await canary.figures()).candidate.requests == MAX_UNJUDGED
    assert await canary.answering() == "canary"


async def test_a_cancelled_call_leaves_no_canary_behind(canary: CanaryTraffic):
    calls = [asyncio.create_task(canary.answering(canary=HANGS)) for _ in range(MAX_UNJUDGED)]
    await asyncio.sleep(0)
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)

    assert await canary.answering() == "canary"


async def test_a_stream_of_a_canary_that_fails_or_hangs_before_its_first_piece_is_the_stable_revisions(
    watched: CanaryTraffic,
):
    for act in (InternalError("It broke."), HANGS):
        assert await watched.streaming(canary=(act,)) == ["stable", "stable"]

    assert (await watched.figures()).candidate.error_reasons == {"INTERNAL": 1, "DEADLINE_EXCEEDED": 1}


async def test_a_stream_goes_on_with_the_revision_whose_first_piece_comes_first(canary: CanaryTraffic):
    released = asyncio.Event()
    asyncio.get_running_loop().call_later(0.1, released.set)

    assert await canary.streaming(canary=(released, None, None), stable=(HANGS,), deadline=0.2) == ["canary"] * 3
    assert (await canary.figures()).candidate.requests == 1


@pytest.mark.parametrize("before", [(), (None,)], ids=["before the first piece", "after the first piece"])
async def test_a_caller_who_waits_in_vain_for_a_piece_is_counted(canary: CanaryTraffic, before: tuple[object, ...]):
    for chosen in (True, False):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await canary.streaming(deadline=0.08, chosen=chosen, canary=(*before, HANGS), stable=(*before, HANGS))

    found = await canary.figures()
    assert (found.candidate.requests, found.candidate.missed) == (1, 1)
    assert (found.stable.requests, found.stable.missed) == (1, 1)


async def test_a_stream_that_hangs_after_its_first_piece_is_counted_while_its_caller_still_waits(
    watched: CanaryTraffic,
):
    waiting = [asyncio.create_task(watched.streaming(canary=(None, HANGS))) for _ in range(3)]
    await asyncio.sleep(0.2)

    rollout = await watched.rollout()

    assert not any(task.done() for task in waiting)
    assert rollout.figures.candidate.error_reasons == {"DEADLINE_EXCEEDED": 3}
    assert rollout.state is RolloutState.ROLLED_BACK
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert (await watched.figures()).candidate.requests == 3, "a caller who leaves then is counted again"


async def test_a_stream_that_goes_on_after_a_long_pause_is_counted_once(watched: CanaryTraffic):
    released = asyncio.Event()
    asyncio.get_running_loop().call_later(0.1, released.set)

    assert await watched.streaming(canary=(None, released, None)) == ["canary"] * 3

    found = (await watched.figures()).candidate
    assert (found.requests, found.errors) == (1, 1)


async def test_an_error_of_a_canary_in_the_middle_of_a_stream_is_counted(canary: CanaryTraffic):
    with pytest.raises(InternalError):
        await canary.streaming(canary=(None, InternalError("It broke.")))

    assert (await canary.figures()).candidate.errors == 1
    assert await canary.streaming() == ["canary", "canary"]
