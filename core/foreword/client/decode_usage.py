"""Decoding of quotas and usage."""

from __future__ import annotations

from foreword.client import decode_values as values
from foreword.client import usage_resources as resources
from foreword.domain.quota import QuotaKind
from foreword.domain.usage import UsageKind
from foreword.v1 import quota_pb2, usage_pb2


def quota(message: quota_pb2.Quota) -> resources.Quota:
    """Decode the quotas of a tenant."""
    return resources.Quota(
        name=message.name,
        limits={kind.value: getattr(message, kind.value) for kind in QuotaKind if message.HasField(kind.value)},
        uses=tuple(
            resources.QuotaUse(
                quota=item.quota,
                limit=item.limit if item.HasField("limit") else None,
                is_default=item.is_default,
                used=item.used if item.HasField("used") else None,
            )
            for item in message.uses
        ),
        etag=message.etag,
        update_time=values.time(message, "update_time"),
    )


def usage(message: usage_pb2.Usage) -> resources.Usage:
    """Decode an amount."""
    return resources.Usage(
        tenant=message.tenant,
        day=message.day,
        model=message.model,
        kind=values.member(UsageKind, usage_pb2.UsageKind, "USAGE_KIND_", message.kind),
        amount=message.amount,
    )
