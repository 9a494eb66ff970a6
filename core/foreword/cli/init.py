"""`foreword init`: a home folder with its database, a first tenant and an administrator's key."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from foreword.cli.settings import home_option, make_home, read_settings, warn_of_misspelt_variables, warn_of_open_files
from foreword.errors import NotFoundError

if TYPE_CHECKING:
    from foreword.storage.repositories.tenants import TenantRepository

_FIRST_TENANT = "main"
_MOST_TENANTS = 20


@click.command(short_help="Set up a home folder with a first tenant and its key.")
@home_option
@click.option("--tenant", help="Id of the tenant.  [default: the only tenant, or main in a new home]")
@click.option("--new-key", is_flag=True, help="Create another administrator's key, if the first one is lost.")
def init(home: Path | None, tenant: str | None, new_key: bool) -> None:
    """Set up a home folder with a first tenant and its key.

    Creates the database, the artifact store, the tenant and an administrator's key, which is printed only once. Running
    the command again changes nothing, except that --new-key creates another key.
    """
    from foreword.cli.render import out_console, print_facts
    from foreword.domain.tenant import Scope
    from foreword.storage.artifacts.store import ArtifactStore
    from foreword.storage.audit.action import Action, acting
    from foreword.storage.database import Database
    from foreword.storage.lists.request import ListRequest
    from foreword.storage.repositories.tenants import TenantRepository

    settings = read_settings(home=home)
    warn_of_misspelt_variables(os.environ)
    make_home(settings)
    console = out_console()
    database = Database(settings.resolved_database_url)
    try:
        database.migrate()
        artifacts = ArtifactStore(settings.resolved_artifacts_url)
        warn_of_open_files(settings, database.file, artifacts.folder)
        tenants = TenantRepository(database)
        tenant = _tenant(tenants, tenant, must_exist=new_key)
        with acting(Action(method="CreateFirstTenant")):
            tenants.ensure_tenant(tenant)
        secret = ""
        if new_key or not tenants.list_api_keys(tenant, ListRequest(page_size=1)).items:
            with acting(Action(method="CreateAdministratorsKey")):
                _, secret = tenants.create_api_key(tenant, "administrator", frozenset(Scope), None)
    finally:
        database.close()
    facts = [("home", str(settings.home_folder)), ("tenant", tenant), ("key", secret)]
    if not secret:
        console.print("Already set up; nothing was changed. Use --new-key to create another administrator's key.")
        print_facts(console, facts)
        return
    console.print("Setup is complete.")
    print_facts(console, facts)
    console.print("\nThe key is shown only once and is not stored; keep it safe. Next steps:")
    console.print("  foreword serve" + (f" --home {shlex.quote(str(settings.home_folder))}" if home else ""))
    console.print(f"  export FOREWORD_API_KEY={secret}", soft_wrap=True)


def _tenant(tenants: TenantRepository, chosen: str | None, *, must_exist: bool) -> str:
    """Return the tenant to set up.

    Args:
        chosen: The value of --tenant; None if it is not set.
        must_exist: Whether a chosen tenant must exist if the home already has tenants.

    Raises:
        UsageError: The home has several tenants and none is chosen, or the chosen one does not exist.
    """
    from foreword.storage.lists.request import ListRequest

    found = [item.id for item in tenants.list_tenants(ListRequest(page_size=_MOST_TENANTS)).items]
    listed = ", ".join(found) + (", ..." if len(found) == _MOST_TENANTS else "")
    if chosen is None:
        if len(found) > 1:
            raise click.UsageError(f"This home has the tenants {listed}. Choose one of them with --tenant.")
        return found[0] if found else _FIRST_TENANT
    if must_exist and found:
        try:
            tenants.get_tenant(chosen)
        except NotFoundError:
            raise click.UsageError(
                f"This home has no tenant {chosen!r}; it has {listed}. Choose one of them with --tenant, or omit "
                "--new-key to create another tenant."
            ) from None
    return chosen
