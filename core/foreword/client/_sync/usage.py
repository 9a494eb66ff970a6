# Generated from `_async/usage.py` by `unasync.py`. Change that file, then run: make client

"""Quotas and usage."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from functools import cached_property
from typing import Any, Final

from google.protobuf import field_mask_pb2

from foreword.client import decode_usage as decode
from foreword.client import usage_resources as resources
from foreword.client._sync.service import ServiceMethods
from foreword.client.message import build, collected, enum_name
from foreword.client.reference import Reference, new_request_id
from foreword.domain.quota import QuotaKind
from foreword.domain.usage import UsageField
from foreword.domain.violations import Violations
from foreword.errors import InvalidArgumentError
from foreword.v1 import quota_pb2, usage_service_pb2_grpc
from foreword.v1 import usage_service_pb2 as messages

_ALL: Final = "-"


class UsageMethods(ServiceMethods):
    """Methods of `UsageService`."""

    @cached_property
    def _usage(self) -> Any:
        return self._connection.stub(usage_service_pb2_grpc.UsageServiceStub)

    def get_quota(self, tenant: Reference | None = None) -> resources.Quota:
        """Return the quotas of a tenant and what it uses of them.

        Args:
            tenant: The tenant; another one than the caller's needs the scope `admin`. Default: the caller's.

        Raises:
            NotFoundError: The tenant does not exist, or the key may not see it.
        """
        request = messages.GetQuotaRequest(name="" if tenant is None else self._quota_name(tenant))
        return decode.quota(self._connection.unary(self._usage.GetQuota, request, safe=True))

    def update_quota(self, tenant: Reference, limits: Mapping[str, float | None], *, etag: str = "") -> resources.Quota:
        """Set quotas of a tenant; they are in force within a second. Needs the scope `admin`.

        Args:
            limits: New values by name, such as `{"deployments": 10}`; None for the default of the service. Quotas that
                it does not name stay as they are.
            etag: Etag of the quotas as they were read; the update is refused if it is outdated. Default: no check.

        Raises:
            InvalidArgumentError: A name is unknown, or a value is out of range or should be whole.
            NotFoundError: The tenant does not exist.
            AbortedError: The quotas have changed since the etag was read.
        """
        violations = Violations()
        names = [kind.value for kind in QuotaKind]
        for name in limits:
            violations.choice("limits", name, names)
        violations.check()
        values = {name: _whole(QuotaKind(name), value) for name, value in limits.items()}
        quota = build(quota_pb2.Quota, "quota", etag=etag, **values)
        quota.name = self._quota_name(tenant)
        request = messages.UpdateQuotaRequest(
            quota=quota, update_mask=field_mask_pb2.FieldMask(paths=list(limits)), request_id=new_request_id()
        )
        return decode.quota(self._connection.unary(self._usage.UpdateQuota, request, safe=True))

    def list_usage(
        self,
        tenant: Reference | None = None,
        *,
        first_day: date | None = None,
        last_day: date | None = None,
        group_by: Iterable[UsageField | str] = (),
        filter: str = "",
        order_by: str = "",
        limit: int | None = None,
    ) -> list[resources.Usage]:
        """Return what a tenant has used, by default the newest day first.

        Args:
            tenant: The tenant, or `-` for all; others than the caller's need the scope `admin`. Default: the caller's.
            first_day: First day in UTC. Default: the first that is stored.
            last_day: Last day in UTC, inclusive. Default: today.
            group_by: The fields to keep besides the kind (`tenant`, `day`, `model`); amounts that differ only in others
                are summed up. Default: all, so that nothing is.
            filter: Condition in the grammar of https://google.aip.dev/160, such as `kind = INPUT_TOKENS`; the
                comment of `ListUsageRequest` in the API lists the fields. Default: none.
            order_by: Fields to sort by, such as `model, day desc`. Default: newest day first.
            limit: Maximum number to return. Default: all.

        Raises:
            InvalidArgumentError: The filter, the order or a group is invalid. The error names the fields.
            NotFoundError: The tenant does not exist, or the key may not see it.
        """
        conditions = [f"({filter})"] if filter.strip() else []
        if first_day is not None and last_day is not None and first_day > last_day:
            raise InvalidArgumentError.of("first_day", f"must not be after the last day, {last_day:%Y-%m-%d}")
        if first_day is not None:
            conditions.append(f"day >= {first_day:%Y-%m-%d}")
        if last_day is not None:
            conditions.append(f"day <= {last_day:%Y-%m-%d}")
        groups = [enum_name("group_by", UsageField, field, "USAGE_FIELD") for field in collected("group_by", group_by)]
        request = build(messages.ListUsageRequest, filter=" AND ".join(conditions), order_by=order_by, group_by=groups)
        if tenant is not None:
            request.parent = f"tenants/{_ALL}" if tenant == _ALL else self._name(tenant, "tenants")
        return self._pages(self._usage.ListUsage, request, lambda page: page.usage, decode.usage, limit)

    def _quota_name(self, tenant: Reference) -> str:
        return f"{self._name(tenant, 'tenants')}/quota"


def _whole(kind: QuotaKind, value: float | None) -> float | None:
    """Return a whole number as an integer, if the quota must be one."""
    return int(value) if kind.is_whole and isinstance(value, float) and value.is_integer() else value
