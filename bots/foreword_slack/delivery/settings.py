"""How calls to Slack are made."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxSettings:
    """How calls to Slack are made.

    Attributes:
        channel_rate: Calls a second and channel, from the end of one to the next; Slack allows 1.
        channel_burst: Calls that a quiet channel may get at once.
        team_rate: Calls a second and workspace; Slack allows some hundreds a minute.
        team_burst: Calls that a quiet workspace may get at once.
        calls_at_once: Calls of one workspace that may be under way together.
        call_seconds: After how long without an answer a call's outcome counts as unknown.
        lease_seconds: After how long the calls of a bot that was killed are looked after; more than `call_seconds`
            and a look-up take.
        first_wait_seconds: The longest wait after a first failure; it doubles with each.
        longest_wait_seconds: No wait is longer, unless Slack asks for it.
        settle_seconds: How long a post whose outcome is unknown gets to appear before the bot looks for it.
        skew_seconds: How far Slack's clock and the bot's may be apart.
        max_refusals: After how many refusals with a code that nobody knows a call is given up.
        give_up_hours: After how long without success any call is given up.
        poll_seconds: How often to look for calls that other bots on the same store asked for.
        keep_days: How long calls that ended are kept, so that what they posted can be changed.
        keep_failed_days: How long the content of calls that failed, or that wait for an installation, is kept.
    """

    channel_rate: float = 1.0
    channel_burst: float = 1.0
    team_rate: float = 5.0
    team_burst: float = 20.0
    calls_at_once: int = 8
    call_seconds: float = 15.0
    lease_seconds: float = 60.0
    first_wait_seconds: float = 1.0
    longest_wait_seconds: float = 60.0
    settle_seconds: float = 2.0
    skew_seconds: float = 120.0
    max_refusals: int = 5
    give_up_hours: float = 24.0
    poll_seconds: float = 5.0
    keep_days: float = 90.0
    keep_failed_days: float = 7.0
