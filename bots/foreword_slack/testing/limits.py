"""Slack's published numbers, in one place."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What Slack allows; all times are in seconds of Slack's clock.

    The defaults are Slack's. Tests may loosen one to look at another: a `trigger_id` that lives for a minute, say, on a
    clock that runs a hundred times as fast.

    Attributes:
        ack_seconds: Time in which the app must acknowledge an event or an interaction.
        retry_delays_seconds: Waits before each further delivery of an event that was not acknowledged.
        events_per_hour: Events of one workspace; the rest is dropped, and the app is told so once a minute.
        trigger_seconds: Lifetime of a `trigger_id`, which can be used once.
        response_url_seconds: Lifetime of a `response_url`.
        response_url_uses: How often it can be used.
        socket_ticket_seconds: Lifetime of a Socket Mode URL, which can be used once.
        max_sockets: Socket Mode connections of an app.
        disconnect_grace_seconds: Time between the announcement of a disconnect and the disconnect.
        socket_ping_seconds: Interval of Slack's pings.
        oauth_code_seconds: Lifetime of an OAuth code, which can be used once.
        rotated_token_seconds: Lifetime of a token when rotation is on.
        posts_per_second: Posts to one channel.
        post_burst: Posts to one channel that may come at once.
        posts_per_minute: Posts to all channels of a workspace.
        text: Characters of a message.
        updated_text: Characters of a message that is edited.
        metadata_bytes: Size of a message's metadata as JSON.
        view_bytes: Size of a view as JSON.
        view_stack: Views on top of one another.
        hang_seconds: How long a request hangs when the fault plan says so.
    """

    ack_seconds: float = 3.0
    retry_delays_seconds: tuple[float, ...] = (0.0, 60.0, 300.0)
    events_per_hour: int = 30_000
    trigger_seconds: float = 3.0
    response_url_seconds: float = 1800.0
    response_url_uses: int = 5
    socket_ticket_seconds: float = 30.0
    max_sockets: int = 10
    disconnect_grace_seconds: float = 10.0
    socket_ping_seconds: float = 10.0
    oauth_code_seconds: float = 600.0
    rotated_token_seconds: float = 43_200.0
    posts_per_second: float = 1.0
    post_burst: int = 3
    posts_per_minute: int = 600
    text: int = 40_000
    updated_text: int = 4_000
    metadata_bytes: int = 8_000
    view_bytes: int = 250_000
    view_stack: int = 3
    hang_seconds: float = 30.0
