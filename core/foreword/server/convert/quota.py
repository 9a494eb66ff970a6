"""Conversion of quotas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from foreword.domain.quota import QuotaKind, TenantQuota
from foreword.domain.violations import Violations
from foreword.names import QuotaName
from foreword.server.convert.changed_fields import changed_fields
from foreword.server.convert.timestamps import timestamp
from foreword.v1 import quota_pb2, usage_service_pb2

_MUTABLE_FIELDS: Final = tuple(kind.value for kind in QuotaKind)
_MAX_VALUE: Final = 1e15
"""A quota that nobody reaches, below which every whole number has a double of its own."""
_MAX_ETAG: Final = 200


def quota(item: TenantQuota) -> quota_pb2.Quota:
    """Convert the quotas of a tenant to a message."""
    message = quota_pb2.Quota(name=str(QuotaName(item.tenant)), etag=item.etag, update_time=timestamp(item.update_time))
    for kind in QuotaKind:
        own = item.own.of(kind)
        if own is not None:
            setattr(message, kind.value, int(own) if kind.is_whole else own)
        limit = item.limits.of(kind)
        message.uses.add(
            quota=kind.value, limit=limit, is_default=own is None and limit is not None, used=item.used.get(kind)
        )
    return message


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaChange:
    """A parsed UpdateQuota request. None in `changes` sets a quota to the default; an empty etag is not checked."""

    tenant: str
    changes: Mapping[QuotaKind, float | None]
    etag: str


def parse_quota_change(request: usage_service_pb2.UpdateQuotaRequest) -> QuotaChange:
    """Parse an UpdateQuota request."""
    violations = Violations()
    message = request.quota
    name = violations.collect(lambda: QuotaName.parse(message.name, "quota.name"))
    etag = violations.text("quota.etag", message.etag, _MAX_ETAG)
    changed = changed_fields(violations, message, request.update_mask.paths, _MUTABLE_FIELDS, "a quota")
    changes: dict[QuotaKind, float | None] = {}
    for kind in QuotaKind:
        if kind.value not in changed:
            continue
        changes[kind] = None
        if message.HasField(kind.value):
            value: float = getattr(message, kind.value)
            bounds = {"above": 0.0} if kind.is_rate else {"minimum": 0.0}
            changes[kind] = violations.number(f"quota.{kind.value}", value, maximum=_MAX_VALUE, **bounds)
    violations.check()
    assert name is not None
    return QuotaChange(tenant=name.tenant, changes=changes, etag=etag)
