"""Options of commands that roll a new revision out as a canary or as a shadow."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from foreword.cli.share import SHARE
from foreword.cli.time_span import TIME_SPAN

if TYPE_CHECKING:
    from foreword.client import Canary, Shadow


_LIMITS = {
    "max_error_ratio": "--max-error-ratio",
    "max_latency_ratio": "--max-latency-ratio",
    "max_abstention_increase": "--max-abstention-increase",
    "promote_after_requests": "--promote-after-requests",
}


def rollout_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command, which gets the canary or the shadow as `rollout`; None without either."""

    @click.option(
        "--canary",
        "canary_share",
        type=SHARE,
        metavar="SHARE",
        help="Let the new model answer this share of the requests first, such as 10%, at most 90%. It is promoted or "
        "rolled back by its figures.",
    )
    @click.option(
        "--shadow",
        "shadow_share",
        type=SHARE,
        metavar="SHARE",
        help="Let the new model answer this share of the requests as well, and compare its answers. They are never "
        "returned.",
    )
    @click.option(
        "--max-error-ratio",
        type=SHARE,
        metavar="SHARE",
        help="With --canary: share of its requests that may fail.  [default: 2%]",
    )
    @click.option(
        "--max-latency-ratio",
        type=float,
        help="With --canary: median latency as a multiple of that of the old model.  [default: 1.5]",
    )
    @click.option(
        "--max-abstention-increase",
        type=SHARE,
        metavar="SHARE",
        help="With --canary: how much more often it may abstain than the old model.  [default: 10%]",
    )
    @click.option(
        "--promote-after-requests",
        type=int,
        help="With --canary: number of canary requests after which it is promoted; 0 for never.  [default: 500]",
    )
    @click.option(
        "--max-duration",
        type=TIME_SPAN,
        metavar="TIME",
        help="With --canary or --shadow: time after which the trial ends in any case, such as 36h.  [default: 7d]",
    )
    @functools.wraps(function)
    def command(
        *arguments: Any,
        canary_share: float | None,
        shadow_share: float | None,
        max_duration: timedelta | None,
        **options: Any,
    ) -> Any:
        limits = {name: options.pop(name) for name in _LIMITS}
        return function(*arguments, rollout=_plan(canary_share, shadow_share, max_duration, limits), **options)

    return command


def _plan(
    canary: float | None, shadow: float | None, max_duration: timedelta | None, limits: dict[str, Any]
) -> Canary | Shadow | None:
    from foreword.client import Canary, Shadow

    if canary is not None and shadow is not None:
        raise click.UsageError("Choose either --canary or --shadow.")
    if canary is not None:
        return Canary(share=canary, max_duration=max_duration, **limits)
    given = [_LIMITS[name] for name, value in limits.items() if value is not None]
    if given:
        raise click.UsageError(f"{given[0]} needs --canary.")
    if shadow is not None:
        return Shadow(share=shadow, max_duration=max_duration)
    if max_duration is not None:
        raise click.UsageError("--max-duration needs --canary or --shadow.")
    return None
