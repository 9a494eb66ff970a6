"""`foreword usage` and `quotas`: what tenants have used, and what they may use."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING

import click

from foreword.cli.csv_output import CsvOutput, escape_formulas_option
from foreword.cli.session import json_option, with_client
from foreword.domain.quota import QuotaKind
from foreword.domain.usage import UsageField, UsageKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from foreword.client import Client, Quota, Usage

_DAY = click.DateTime(["%Y-%m-%d"])
_DEFAULT = "default"


@click.command()
@click.option("--tenant", help="Tenant, or - for all of them; needs the scope admin.  [default: your own]")
@click.option("--from", "first_day", type=_DAY, help="First day (UTC), such as 2026-01-31.  [default: all]")
@click.option("--to", "last_day", type=_DAY, help="Last day (UTC), inclusive.  [default: today]")
@click.option(
    "--by",
    "group_by",
    multiple=True,
    type=click.Choice([field.value for field in UsageField]),
    help="Keep this field and sum up over the others; may be repeated.  [default: keep all]",
)
@click.option("--filter", default="", help="List only what meets a condition, such as 'kind = INPUT_TOKENS'.")
@click.option("--order-by", default="", help="Sort by these fields, such as 'model, day desc'.")
@click.option("--csv", "as_csv", is_flag=True, help="Print the result as CSV.")
@escape_formulas_option
@json_option
@with_client
def usage(
    client: Client,
    tenant: str | None,
    first_day: datetime | None,
    last_day: datetime | None,
    group_by: tuple[str, ...],
    filter: str,
    order_by: str,
    as_csv: bool,
    escape_formulas: bool,
    as_json: bool,
) -> None:
    """Show what a tenant has used, by day (UTC), model and kind.

    What was used stays when the run, the model or the deployment that has used it is deleted.
    """
    if as_csv and as_json:
        raise click.UsageError("Use either --csv or --json.")
    found = client.list_usage(
        tenant,
        first_day=None if first_day is None else first_day.date(),
        last_day=None if last_day is None else last_day.date(),
        group_by=group_by,
        filter=filter,
        order_by=order_by,
    )
    if as_csv:
        table = CsvOutput(sys.stdout, escape_formulas=escape_formulas)
        table.write(["tenant", "day", "model", "kind", "amount"])
        for item in found:
            table.write([item.tenant, item.day, item.model, item.kind.value, item.amount])
        return
    _print_usage(found, kept=group_by or tuple(field.value for field in UsageField), as_json=as_json)


def _print_usage(found: Sequence[Usage], *, kept: Sequence[str], as_json: bool) -> None:
    from foreword.cli.render import print_listing, short_name

    columns = {
        "tenant": lambda item: short_name(item.tenant),
        "day": lambda item: item.day,
        "model": lambda item: short_name(item.model),
    }
    print_listing(
        found,
        {
            **{name: cell for name, cell in columns.items() if name in kept},
            "kind": lambda item: item.kind.value,
            "amount": lambda item: _amount(item),
        },
        as_json=as_json,
        right=("amount",),
    )


def _amount(item: Usage) -> str:
    return f"{item.amount:.4f}" if item.kind is UsageKind.CAPACITY_UNIT_HOURS else f"{item.amount:,.0f}"


@click.group()
def quotas() -> None:
    """Show or set what a tenant may use at most."""


@quotas.command("show")
@click.option("--tenant", help="Tenant; others than your own need the scope admin.  [default: your own]")
@json_option
@with_client
def show_quotas(client: Client, tenant: str | None, as_json: bool) -> None:
    """Show the quotas of a tenant and what it uses of them."""
    _print_quota(client.get_quota(tenant), as_json=as_json)


@quotas.command("set")
@click.argument("tenant")
@click.argument("values", nargs=-1, required=True, metavar="QUOTA=VALUE...")
@json_option
@with_client
def set_quotas(client: Client, tenant: str, values: tuple[str, ...], as_json: bool) -> None:
    """Set quotas of a tenant. Needs a key with the scope admin.

    Others stay as they are. VALUE is a number, or `default` for the default of the service:

        foreword quotas set acme deployments=10 tokens_per_second=500 stored_bytes=default
    """
    _print_quota(client.update_quota(tenant, dict(map(_parse_value, values))), as_json=as_json)


def _parse_value(text: str) -> tuple[str, float | None]:
    name, separator, value = text.partition("=")
    kinds = {kind.value: kind for kind in QuotaKind}
    if not separator or name not in kinds:
        raise click.BadParameter(
            f"{text!r} must be QUOTA=VALUE, where QUOTA is one of {', '.join(kinds)}.", param_hint="QUOTA=VALUE"
        )
    if value == _DEFAULT:
        return name, None
    try:
        return name, int(value) if kinds[name].is_whole else float(value)
    except ValueError:
        noun = "a whole number" if kinds[name].is_whole else "a number"
        raise click.BadParameter(f"{value!r} must be {noun} or {_DEFAULT}.", param_hint=name) from None


def _print_quota(quota: Quota, *, as_json: bool) -> None:
    from foreword.cli.render import print_json, print_listing

    if as_json:
        print_json(quota)
        return
    print_listing(
        quota.uses,
        {
            "quota": lambda item: item.quota,
            "limit": lambda item: "none" if item.limit is None else f"{item.limit:,.10g}",
            "set by": lambda item: "" if item.limit is None else "service" if item.is_default else "tenant",
            "used": lambda item: "" if item.used is None else f"{item.used:,.6g}",
        },
        as_json=False,
        right=("limit", "used"),
    )
