"""Settings of the calls to Slack."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxSettings:
    """Settings of the calls to Slack.

    Attributes:
        channel_rate: Posts per second and channel, from the end of one to the next; Slack permits 1.
        channel_burst: Posts at once to a quiet channel.
        update_rate: Updates of posts per second and workspace. With the burst, at most the 50 in any minute that Slack
            permits (tier 3).
        update_burst: Updates at once in a quiet workspace.
        other_rate: Calls per second and workspace of each other method, with the burst at most 100 in any minute (tier
            4).
        other_burst: Calls at once of each other method in a quiet workspace.
        team_rate: Calls per second and workspace; Slack permits some hundreds per minute.
        team_burst: Calls at once to a quiet workspace.
        calls_at_once: Maximum number of concurrent calls of one workspace.
        call_seconds: Timeout of a call, after which its outcome counts as unknown.
        lease_seconds: Time after which the calls of a killed bot are claimed by another; longer than `call_seconds` and
            a search together.
        first_wait_seconds: Maximum wait after the first failure; it doubles with each failure.
        longest_wait_seconds: Maximum of every wait, unless Slack asks for a longer one.
        settle_seconds: Time that a post with an unknown outcome gets to appear before the bot looks for it.
        skew_seconds: Maximum difference between Slack's clock and the bot's.
        max_refusals: Number of refusals with an unknown code after which a call is given up.
        give_up_hours: Time without success after which any call is given up.
        poll_seconds: Time between two looks for calls that other bots requested.
        keep_days: Time that finished calls are kept, so that their posts can be updated.
        keep_failed_days: Time that the content of failed calls, and of those that wait for an installation, is kept.
    """

    channel_rate: float = 1.0
    channel_burst: float = 1.0
    update_rate: float = 40 / 60
    update_burst: float = 10.0
    other_rate: float = 80 / 60
    other_burst: float = 20.0
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
