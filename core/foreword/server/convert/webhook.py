"""Conversion of webhooks and of deliveries to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from foreword.domain.events import kind_patterns
from foreword.domain.near_names import did_you_mean
from foreword.domain.violations import Violations
from foreword.domain.webhook import (
    MAX_KINDS,
    MAX_SECRET_OVERLAP,
    SECRET_OVERLAP,
    Attempt,
    Webhook,
    WebhookDelivery,
)
from foreword.names import SpaceName, TenantName, WebhookDeliveryName, WebhookName, check_id
from foreword.server.convert.changed_fields import changed_fields
from foreword.server.convert.text_limits import MAX_DISPLAY_NAME
from foreword.server.convert.timestamps import timestamp
from foreword.server.webhooks.target import WebhookRules, parse_target
from foreword.v1 import webhook_pb2, webhook_service_pb2

_MUTABLE_FIELDS: Final = ("display_name", "url", "kinds", "enabled")
_MOST_NAMED_KINDS: Final = 5
"""Number of unknown kinds that an error names."""


def webhook(item: Webhook, secret: str = "") -> webhook_pb2.Webhook:
    """Convert a webhook to a message; `secret` is passed only right after it was made."""
    reason = "UNSPECIFIED" if item.disable_reason is None else item.disable_reason.name
    return webhook_pb2.Webhook(
        name=str(WebhookName(item.tenant, item.id)),
        display_name=item.display_name,
        url=item.url,
        kinds=item.kinds,
        space="" if item.space is None else str(SpaceName(item.tenant, item.space)),
        enabled=item.enabled,
        secret=secret,
        secret_create_time=timestamp(item.secret_create_time),
        disable_reason=f"DISABLE_REASON_{reason}",
        consecutive_failures=item.consecutive_failures,
        failing_since=timestamp(item.failing_since),
        last_success_time=timestamp(item.last_success_time),
        etag=item.etag,
        creator=item.creator,
        create_time=timestamp(item.create_time),
        update_time=timestamp(item.update_time),
    )


def delivery(item: WebhookDelivery) -> webhook_pb2.WebhookDelivery:
    """Convert a delivery to a message."""
    return webhook_pb2.WebhookDelivery(
        name=str(WebhookDeliveryName(item.tenant, item.webhook, item.id)),
        kind=item.kind,
        resource=item.resource,
        state=f"STATE_{item.state.name}",
        attempts=item.attempts,
        last_attempt=None if item.last is None else attempt(item.last),
        last_attempt_time=timestamp(item.last_attempt_time),
        next_attempt_time=timestamp(item.next_attempt_time),
        create_time=timestamp(item.create_time),
    )


def attempt(item: Attempt) -> webhook_pb2.DeliveryAttempt:
    """Convert an attempt to a message."""
    problem = "UNSPECIFIED" if item.problem is None else item.problem.name
    return webhook_pb2.DeliveryAttempt(
        problem=f"PROBLEM_{problem}", status=item.status, detail=item.detail, seconds=item.seconds
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class NewWebhook:
    """A parsed CreateWebhook request. `tenant` is None if the request names no parent."""

    tenant: str | None
    id: str | None
    display_name: str
    url: str
    kinds: tuple[str, ...]
    space: SpaceName | None
    enabled: bool


def parse_new_webhook(request: webhook_service_pb2.CreateWebhookRequest, rules: WebhookRules) -> NewWebhook:
    """Parse a CreateWebhook request."""
    violations = Violations()
    message = request.webhook
    parent = violations.collect(lambda: TenantName.parse(request.parent, "parent")) if request.parent else None
    if request.webhook_id:
        violations.collect(lambda: check_id(request.webhook_id, "webhook_id"))
    display_name = violations.name("webhook.display_name", message.display_name, MAX_DISPLAY_NAME)
    violations.collect(lambda: parse_target(message.url, rules))
    kinds = _parse_kinds(violations, message.kinds)
    space = violations.collect(lambda: SpaceName.parse(message.space, "webhook.space")) if message.space else None
    violations.check()
    return NewWebhook(
        tenant=None if parent is None else parent.tenant,
        id=request.webhook_id or None,
        display_name=display_name,
        url=message.url,
        kinds=kinds,
        space=space,
        enabled=message.enabled if message.HasField("enabled") else True,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookChange:
    """A parsed UpdateWebhook request. None leaves a field unchanged, and an empty etag is not checked."""

    name: WebhookName
    etag: str
    display_name: str | None
    url: str | None
    kinds: tuple[str, ...] | None
    enabled: bool | None


def parse_webhook_change(request: webhook_service_pb2.UpdateWebhookRequest, rules: WebhookRules) -> WebhookChange:
    """Parse an UpdateWebhook request."""
    violations = Violations()
    message = request.webhook
    name = violations.collect(lambda: WebhookName.parse(message.name, "webhook.name"))
    etag = violations.text("webhook.etag", message.etag, 200)
    changed = changed_fields(violations, message, request.update_mask.paths, _MUTABLE_FIELDS, "a webhook")
    display_name = url = kinds = enabled = None
    if "display_name" in changed:
        display_name = violations.name("webhook.display_name", message.display_name, MAX_DISPLAY_NAME, required=True)
    if "url" in changed:
        url = message.url
        violations.collect(lambda: parse_target(message.url, rules))
    if "kinds" in changed:
        kinds = _parse_kinds(violations, message.kinds)
    if "enabled" in changed:
        enabled = message.enabled if message.HasField("enabled") else True
    violations.check()
    assert name is not None
    return WebhookChange(name=name, etag=etag, display_name=display_name, url=url, kinds=kinds, enabled=enabled)


def parse_overlap(request: webhook_service_pb2.RotateWebhookSecretRequest) -> timedelta:
    """Return the time for which events are signed with both secrets."""
    if not request.HasField("overlap"):
        return SECRET_OVERLAP
    seconds = request.overlap.seconds + request.overlap.nanos / 1e9
    violations = Violations()
    violations.number("overlap", seconds, minimum=0, maximum=MAX_SECRET_OVERLAP.total_seconds())
    violations.check()
    return timedelta(seconds=seconds)


def _parse_kinds(violations: Violations, values: Sequence[str]) -> tuple[str, ...]:
    known = kind_patterns()
    kinds = tuple(dict.fromkeys(values))
    if not kinds:
        violations.add("webhook.kinds", f"must hold at least one of {', '.join(known)}")
    if len(kinds) > MAX_KINDS:
        violations.add("webhook.kinds", f"must hold at most {MAX_KINDS} items, not {len(kinds):,}")
        return ()
    unknown = [(place, kind) for place, kind in enumerate(values) if kind not in known]
    for place, kind in unknown[:_MOST_NAMED_KINDS]:
        remedy = did_you_mean(kind, known) or f"; use some of {', '.join(known)}"
        violations.add(f"webhook.kinds[{place}]", f"{kind[:80]!r} is no kind of event{remedy}")
    return kinds
