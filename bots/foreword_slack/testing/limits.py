"""Slack's published limits, in one place."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Slack's limits; all times are in seconds of Slack's clock.

    The defaults are Slack's. A test may relax one limit to examine another, such as a lifetime of a minute for a
    `trigger_id` on a clock that runs a hundred times as fast.

    Attributes:
        ack_seconds: Time in which the app must acknowledge an event or an interaction.
        retry_delays_seconds: Delays before each retry of an event that was not acknowledged.
        events_per_hour: Maximum events of a workspace; the rest is dropped, and the app is notified once a minute.
        trigger_seconds: Lifetime of a `trigger_id`, which can be used once.
        response_url_seconds: Lifetime of a `response_url`.
        response_url_uses: Maximum number of uses of a `response_url`.
        socket_ticket_seconds: Lifetime of a Socket Mode URL, which can be used once.
        max_sockets: Maximum Socket Mode connections of an app.
        disconnect_grace_seconds: Time between the announcement of a disconnect and the disconnect.
        socket_ping_seconds: Interval of Slack's pings.
        oauth_code_seconds: Lifetime of an OAuth code, which can be used once.
        rotated_token_seconds: Lifetime of a token if tokens rotate.
        tier_factor: Number by which the calls that a tier allows in a minute are multiplied.
        posts_per_second: Maximum posts to one channel in any second. Slack tolerates short bursts beyond it, but
            promises nothing.
        posts_per_minute: Maximum posts to all channels of a workspace per minute.
        text: Maximum characters of a message.
        updated_text: Maximum characters of an edited message.
        metadata_bytes: Maximum size of a message's metadata as JSON.
        view_bytes: Maximum size of a view as JSON.
        view_stack: Maximum number of stacked views.
        hang_seconds: Duration of a request that hangs because of a fault.
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
    tier_factor: float = 1.0
    posts_per_second: int = 1
    posts_per_minute: int = 600
    text: int = 40_000
    updated_text: int = 4_000
    metadata_bytes: int = 8_000
    view_bytes: int = 250_000
    view_stack: int = 3
    hang_seconds: float = 30.0
