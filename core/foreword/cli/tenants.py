"""`foreword whoami`, `tenants` and `keys`: tenants and their API keys."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from foreword.cli.session import json_option, selection_options, with_client
from foreword.domain.tenant import Scope

if TYPE_CHECKING:
    from foreword.client import Client


@click.command()
@json_option
@with_client
def whoami(client: Client, as_json: bool) -> None:
    """Show the key's tenant and scopes."""
    from foreword.cli.render import out_console, print_facts, print_json

    identity = client.who_am_i()
    if as_json:
        print_json(identity)
        return
    print_facts(
        out_console(),
        [
            ("tenant", identity.tenant),
            ("key", identity.api_key or "the development key"),
            ("scopes", _scopes(identity.scopes)),
            ("service", f"{client.endpoint}, version {identity.server_version}"),
        ],
        indent=0,
    )


@click.group()
def tenants() -> None:
    """Manage tenants. Needs a key with the scope admin."""


@tenants.command("list")
@selection_options("display_name : acme")
@json_option
@with_client
def list_tenants(client: Client, filter: str, order_by: str, as_json: bool) -> None:
    """List tenants."""
    from foreword.cli.render import print_listing, short_name
    from foreword.cli.render.listing import age

    print_listing(
        client.list_tenants(filter=filter, order_by=order_by),
        {
            "tenant": lambda item: short_name(item.name),
            "name": lambda item: item.display_name,
            "created": lambda item: age(item.create_time),
        },
        as_json=as_json,
    )


@tenants.command("create")
@click.argument("tenant")
@click.option("--name", "display_name", default="", help="Display name.")
@with_client
def create_tenant(client: Client, tenant: str, display_name: str) -> None:
    """Create a tenant.

    It has no key yet: create one with `foreword keys create --tenant TENANT`.
    """
    click.echo(client.create_tenant(tenant, display_name=display_name).name)


@click.group()
def keys() -> None:
    """Manage API keys. Needs a key with the scope admin."""


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
            "scopes": lambda item: _scopes(item.scopes),
            "expires": lambda item: f"{item.expire_time:%Y-%m-%d %H:%M} UTC" if item.expire_time else "never",
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
    "--days", type=click.FloatRange(min=0, min_open=True), help="Days until the key expires.  [default: never]"
)
@json_option
@with_client
def create_key(
    client: Client, tenant: str, display_name: str, scopes: tuple[str, ...], days: float | None, as_json: bool
) -> None:
    """Create a key and print its secret, which is shown only once."""
    from foreword.cli.render import print_json

    key = client.create_api_key(
        tenant or client.tenant,
        display_name=display_name,
        scopes=[Scope(value) for value in scopes] or None,
        expire_time=None if days is None else _in_days(days),
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
    """Revoke a key.

    KEY is its full name or, for keys of your own tenant, its id or display name.
    """
    client.delete_api_key(key)


def _in_days(days: float) -> datetime:
    try:
        return datetime.now(UTC) + timedelta(days=days)
    except (OverflowError, ValueError):  # beyond the calendar, or not a number
        raise click.BadParameter(
            f"{days:g} days are beyond the calendar. Omit the option for a key that never expires.",
            param_hint="--days",
        ) from None


def _scopes(scopes: frozenset[Scope]) -> str:
    return ", ".join(scope.value for scope in Scope if scope in scopes)
