"""`foreword whoami` and `tenants`: the caller, and the administration of tenants."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import click

from foreword.cli.keys import moment, scope_names
from foreword.cli.session import json_option, selection_options, with_client
from foreword.cli.time_span import TIME_SPAN

if TYPE_CHECKING:
    from foreword.client import Client, Tenant


@click.command()
@json_option
@with_client
def whoami(client: Client, as_json: bool) -> None:
    """Show the key, its scopes, and its tenant with its quotas."""
    from foreword.cli.render import out_console, print_facts, print_json

    identity = client.who_am_i(with_quota=True)
    if as_json:
        print_json(identity)
        return
    named = f" ({identity.api_key_display_name})" if identity.api_key_display_name else ""
    state = "unknown" if identity.tenant_state is None else identity.tenant_state.value
    key = f"{identity.api_key}{named}" if identity.api_key else "the development key"
    facts = [
        ("tenant", f"{identity.tenant} ({identity.tenant_display_name}), {state}"),
        ("caller", identity.subject) if identity.subject else ("key", key),
        ("scopes", scope_names(identity.scopes)),
        ("expires", moment(identity.expire_time) or "never"),
    ]
    if identity.parent_key:
        facts.append(("parent", identity.parent_key))
    if identity.quota is not None:
        facts += [
            ("quota", f"{item.quota}: {'' if item.used is None else f'{item.used:,.6g} of '}{item.limit:,.10g}")
            for item in identity.quota.uses
            if item.limit is not None
        ]
    facts.append(("service", f"{client.endpoint}, version {identity.server_version}"))
    print_facts(out_console(), facts, indent=0)


@click.group()
def tenants() -> None:
    """Manage tenants. Needs a key with the scope admin.

    TENANT is the id or the display name of a tenant.
    """


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
            "state": lambda item: "unknown" if item.state is None else item.state.value,
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


@tenants.command()
@click.argument("tenant")
@json_option
@with_client
def show(client: Client, tenant: str, as_json: bool) -> None:
    """Show a tenant."""
    _print(client.get_tenant(tenant), as_json)


@tenants.command()
@click.argument("tenant")
@click.option("--name", "display_name", required=True, help="New display name.")
@json_option
@with_client
def update(client: Client, tenant: str, display_name: str, as_json: bool) -> None:
    """Change a tenant."""
    _print(client.update_tenant(tenant, display_name=display_name), as_json)


@tenants.command()
@click.argument("tenant")
@click.option("--reason", default="", help="Why, for the errors that its callers get.")
@json_option
@with_client
def suspend(client: Client, tenant: str, reason: str, as_json: bool) -> None:
    """Suspend a tenant.

    Calls of its keys are refused within a second. Its jobs and webhooks pause until it is resumed.
    """
    _print(client.suspend_tenant(tenant, reason=reason), as_json)


@tenants.command()
@click.argument("tenant")
@json_option
@with_client
def resume(client: Client, tenant: str, as_json: bool) -> None:
    """Resume a suspended tenant."""
    _print(client.resume_tenant(tenant), as_json)


@tenants.command()
@click.argument("tenant")
@click.option(
    "--grace",
    "grace_period",
    type=TIME_SPAN,
    help="Time for which the deletion can be undone, such as 36h.  [default: 7d]",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@with_client
def delete(client: Client, tenant: str, grace_period: timedelta | None, yes: bool, as_json: bool) -> None:
    """Delete a tenant.

    Calls of its keys are refused within a second. After the grace period, everything that it owns is deleted.
    """
    found = client.get_tenant(tenant)
    if not yes:
        click.confirm(f"Delete {found.name} ({found.display_name}) with everything that it owns?", abort=True, err=True)
    _print(client.delete_tenant(found.name, grace_period=grace_period), as_json)


@tenants.command()
@click.argument("tenant")
@json_option
@with_client
def undelete(client: Client, tenant: str, as_json: bool) -> None:
    """Undo the deletion of a tenant during its grace period."""
    _print(client.undelete_tenant(tenant), as_json)


def _print(tenant: Tenant, as_json: bool) -> None:
    from foreword.cli.render import out_console, print_facts, print_json

    if as_json:
        print_json(tenant)
        return
    facts = [
        ("tenant", tenant.name),
        ("name", tenant.display_name),
        ("state", "unknown" if tenant.state is None else tenant.state.value),
        ("suspended", moment(tenant.suspend_time)),
        ("reason", tenant.suspend_reason),
        ("deleted", moment(tenant.delete_time)),
        ("purged from", moment(tenant.purge_time)),
        ("created", moment(tenant.create_time)),
    ]
    print_facts(out_console(), [(name, text) for name, text in facts if text], indent=0)
