"""Settings of a tenant: the session, quotas and usage."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from foreword.client import Scope, Usage, UsageField, UsageKind
from foreword.http.studio.administration import administrator_of
from foreword.http.studio.charts.bars import stacked_days
from foreword.http.studio.rendering import page
from foreword.http.studio.sessions import Session

_DAYS: Final = 30
_NEARLY: Final = 0.8
"""Share of a quota from which the page warns."""
_TOKENS: Final = (UsageKind.INPUT_TOKENS, UsageKind.OUTPUT_TOKENS)


async def show_settings(request: Request, session: Session) -> Response:
    """Show the page."""
    today = datetime.now(UTC).date()
    first = today - timedelta(days=_DAYS - 1)
    reads = session.may(Scope.READ)
    identity, used, administrator = await asyncio.gather(
        session.client.who_am_i(with_quota=True),
        session.client.list_usage(first_day=first, group_by=(UsageField.DAY,)) if reads else _nothing(),
        administrator_of(request, session),
    )
    uses = identity.quota.uses if identity.quota is not None else ()
    days = _by_day(used, first)
    nearly_used = [item.quota for item in uses if item.limit and (item.used or 0) >= _NEARLY * item.limit]
    expires = session.identity.expire_time
    return page(
        request,
        session,
        "settings.html",
        uses=uses,
        nearly_used=nearly_used,
        days=days,
        figure=_figure(days),
        totals=_totals(used),
        remaining_seconds=(expires - datetime.now(UTC)).total_seconds() if expires is not None else None,
        lead=_lead(nearly_used, used, reads=reads),
        administrator=administrator,
    )


async def _nothing() -> list[Usage]:
    return []


def _by_day(used: Sequence[Usage], first: date) -> list[tuple[date, Mapping[UsageKind, float]]]:
    """Return the amounts of each of the last days, of which some may have none."""
    amounts: dict[str, dict[UsageKind, float]] = defaultdict(dict)
    for item in used:
        amounts[item.day][item.kind] = amounts[item.day].get(item.kind, 0.0) + item.amount
    days = (first + timedelta(days=number) for number in range(_DAYS))
    return [(day, amounts.get(f"{day:%Y-%m-%d}", {})) for day in days]


def _totals(used: Sequence[Usage]) -> dict[str, float]:
    totals: dict[str, float] = defaultdict(float)
    for item in used:
        totals[item.kind.value] += item.amount
    return {kind.value: totals[kind.value] for kind in UsageKind if kind.value in totals}


def _figure(days: Sequence[tuple[date, Mapping[UsageKind, float]]]) -> Markup | None:
    """Return tokens by day, read and generated; None if there were none."""
    values = [tuple(amounts.get(kind, 0.0) for kind in _TOKENS) for _, amounts in days]
    if not any(map(sum, values)):
        return None
    return stacked_days(
        [day for day, _ in days],
        values,
        title="Tokens",
        name="Tokens by day, read and generated",
        names=("read", "generated"),
    )


def _lead(nearly_used: Sequence[str], used: Sequence[Usage], *, reads: bool) -> str:
    """Return the sentence under the title: what is the case."""
    names = " and ".join(name.replace("_", " ") for name in nearly_used)
    near = f"near {f'its quota of {names}' if names else 'none of its quotas'}."
    if not reads:
        return f"The tenant is {near}"
    requests = sum(item.amount for item in used if item.kind is UsageKind.REQUESTS)
    hours = sum(item.amount for item in used if item.kind is UsageKind.CAPACITY_UNIT_HOURS)
    return (
        f"The tenant has made {requests:,.0f} requests and used {hours:.3f} capacity-unit-hours in {_DAYS} days. "
        f"It is {near}"
    )
