"""`foreword keys`: API keys."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from foreword.cli.session import json_option, selection_options, with_client
from foreword.domain.tenant import Scope

if TYPE_CHECKING:
    from foreword.client import Client


@click.group()
def keys() -> None:
    """Manage API keys. Needs a key with the scope admin or, for keys of its own tenant, tenant_admin."""


@keys.command("list")
@selection_options("scopes : ADMIN")
@click.option("--tenant", default="", help="Tenant of the keys.  [default: your own]")
@json_option
@with_client
def list_keys(client: Client, tenant: str, filter: str, order_by: str, as_json: bool) -> None:
    """List the keys of a tenant."""
    from foreword.cli.render import print_listing, short_name
    from foreword.cli.render.listing import age

    print_listing(
        client.list_api_keys(tenant or client.tenant, filter=filter, order_by=order_by),
        {
            "key": lambda item: short_name(item.name),
            "name": lambda item: item.display_name,
            "scopes": lambda item: scope_names(item.scopes),
            "expires": lambda item: moment(item.expire_time) or "never",
            "parent": lambda item: short_name(item.parent_key) if item.parent_key else "",
            "last used": lambda item: age(item.last_use_time) if item.last_use_time else "never",
            "created": lambda item: age(item.create_time),
        },
        as_json=as_json,
    )


@keys.command("create")
@click.option("--tenant", default="", help="Tenant of the key.  [default: your own]")
@click.option("--name", "display_name", default="", help="Display name.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice([scope.value for scope in Scope]),
    help="Scope of the key; may be repeated. A key with write but not read can read only what it has created.  "
    "[default: write, read and infer]",
)
@click.option(
    "--days",
    type=click.FloatRange(min=0, min_open=True),
    help="Days until the key expires.  [default: with the key that creates it, or never]",
)
@click.option(
    "--child",
    is_flag=True,
    help="Create a child of the key that is used: it is revoked together with it, has some of its scopes, and expires "
    "in an hour or in --days, at most 1.",
)
@json_option
@with_client
def create_key(
    client: Client,
    tenant: str,
    display_name: str,
    scopes: tuple[str, ...],
    days: float | None,
    child: bool,
    as_json: bool,
) -> None:
    """Create a key and print its secret, which is shown only once."""
    from foreword.cli.render import print_json

    chosen = [Scope(value) for value in scopes] or None
    expire_time = None if days is None else _in_days(days)
    if child:
        if tenant:
            raise click.UsageError("A child key belongs to the tenant of its parent; omit --tenant or --child.")
        key = client.create_child_api_key(display_name=display_name, scopes=chosen, expire_time=expire_time)
    else:
        key = client.create_api_key(
            tenant or client.tenant, display_name=display_name, scopes=chosen, expire_time=expire_time
        )
    if as_json:
        print_json(key)
        return
    click.echo(key.secret)
    click.echo(f"Created {key.name}. The secret is shown only once and is not stored; keep it safe.", err=True)


@keys.command("delete")
@click.argument("key")
@with_client
def delete_key(client: Client, key: str) -> None:
    """Revoke a key and its children.

    KEY is its full name or, for keys of your own tenant, its id or display name.
    """
    client.delete_api_key(key)


def moment(time: datetime | None) -> str:
    """Return a time as a text; empty for None."""
    return f"{time:%Y-%m-%d %H:%M} UTC" if time else ""


def _in_days(days: float) -> datetime:
    try:
        return datetime.now(UTC) + timedelta(days=days)
    except (OverflowError, ValueError):  # beyond the calendar, or not a number
        raise click.BadParameter(
            f"{days:g} days are beyond the calendar. Omit the option for a key that never expires.",
            param_hint="--days",
        ) from None


def scope_names(scopes: frozenset[Scope]) -> str:
    """Return scopes as a text."""
    return ", ".join(scope.value for scope in Scope if scope in scopes)
