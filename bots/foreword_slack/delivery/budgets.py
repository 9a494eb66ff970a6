"""The rate limits of a workspace: one budget for the posts of each channel, and one for each other method.

Slack limits posts by channel and all other methods by workspace, so updates do not delay posts.
See https://docs.slack.dev/apis/web-api/rate-limits.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from foreword_slack.delivery.buckets import TokenBucket
from foreword_slack.delivery.settings import OutboxSettings
from foreword_slack.store import Operation
from foreword_slack.store.post_queue import Sending

_Key = tuple[Operation, str]


class Budgets:
    """The budgets of one workspace."""

    def __init__(self, settings: OutboxSettings) -> None:
        self._settings = settings
        self._team = TokenBucket(settings.team_rate, settings.team_burst)
        self._buckets: dict[_Key, TokenBucket] = {}
        self._limited: Counter[_Key] = Counter()  # consecutive rate limits

    def team_wait(self, now: datetime) -> float:
        """Return the seconds until the workspace permits a call."""
        return self._team.wait(now)

    def closed_channels(self, now: datetime) -> dict[str, float]:
        """Return the channels that permit no post now, with the seconds until they do."""
        waits = {name: bucket.wait(now) for (kind, name), bucket in self._buckets.items() if kind is Operation.POST}
        return {channel: wait for channel, wait in waits.items() if wait > 0}

    def closed_operations(self, now: datetime) -> dict[Operation, float]:
        """Return the operations other than posts that are not permitted now, with the seconds until they are."""
        waits = {kind: bucket.wait(now) for (kind, _), bucket in self._buckets.items() if kind is not Operation.POST}
        return {operation: wait for operation, wait in waits.items() if wait > 0}

    def permitted(self, operation: Operation, now: datetime) -> int:
        """Return the number of calls of an operation other than a post that are permitted now."""
        return self._bucket((operation, "")).permitted(now)

    def begin(self, sending: Sending, now: datetime) -> None:
        """Record that a call begins."""
        self._team.take(now)
        bucket = self._bucket(_key(sending))
        bucket.take(now)
        if sending.operation is Operation.POST:
            bucket.hold()

    def end(self, sending: Sending, now: datetime) -> None:
        """Record that a call has ended."""
        if sending.operation is Operation.POST:
            self._bucket(_key(sending)).release(now)

    def accepted(self, sending: Sending) -> None:
        """Record that Slack did not limit a call."""
        self._limited.pop(_key(sending), None)

    def limited(self, sending: Sending) -> int:
        """Record that Slack limited a call, and return how often it has done so in a row."""
        self._limited[_key(sending)] += 1
        return self._limited[_key(sending)]

    def block(self, sending: Sending, now: datetime, seconds: float) -> None:
        """Permit no call like this one for a while."""
        self._bucket(_key(sending)).block(now, seconds)

    def _bucket(self, key: _Key) -> TokenBucket:
        if key not in self._buckets:
            settings = self._settings
            rates = {
                Operation.POST: (settings.channel_rate, settings.channel_burst),
                Operation.UPDATE: (settings.update_rate, settings.update_burst),
            }
            self._buckets[key] = TokenBucket(*rates.get(key[0], (settings.other_rate, settings.other_burst)))
        return self._buckets[key]


def _key(sending: Sending) -> _Key:
    return sending.operation, sending.channel if sending.operation is Operation.POST else ""
