"""Conversion of usage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from foreword.domain.usage import Usage, UsageField
from foreword.domain.violations import Violations
from foreword.names import TenantName
from foreword.v1 import usage_pb2, usage_service_pb2

ALL_TENANTS: Final = "tenants/-"
_FIELDS: Final = {
    usage_pb2.USAGE_FIELD_TENANT: UsageField.TENANT,
    usage_pb2.USAGE_FIELD_DAY: UsageField.DAY,
    usage_pb2.USAGE_FIELD_MODEL: UsageField.MODEL,
}


def usage(item: Usage) -> usage_pb2.Usage:
    """Convert an amount to a message."""
    return usage_pb2.Usage(
        tenant=str(TenantName(item.tenant)) if item.tenant else "",
        day=item.day,
        model=item.model,
        kind=f"USAGE_KIND_{item.kind.name}",
        amount=item.amount,
    )


def parse_groups(request: usage_service_pb2.ListUsageRequest) -> Sequence[UsageField]:
    """Return the fields to keep.

    Raises:
        InvalidArgumentError: A field is unknown or repeated.
    """
    violations = Violations()
    fields: list[UsageField] = []
    for place, number in enumerate(request.group_by):
        field = _FIELDS.get(number)
        if field is None or field in fields:
            names = ", ".join(f"USAGE_FIELD_{known.name}" for known in UsageField)
            violations.add(f"group_by[{place}]", f"must be one of {names}, each at most once")
        else:
            fields.append(field)
    violations.check()
    return fields or tuple(UsageField)
