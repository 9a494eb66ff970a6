"""`foreword init`: a home, its database, the first tenant and the key of its administrator."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from foreword.cli.settings import home_option, make_home, read_settings, warn_of_open_home


@click.command(short_help="Sets up a home, a first tenant and its key.")
@home_option
@click.option("--tenant", default="main", show_default=True, help="Id of the first tenant.")
@click.option("--new-key", is_flag=True, help="Make another administrator's key, when the first one is lost.")
def init(home: Path | None, tenant: str, new_key: bool) -> None:
    """Sets up a home: database, artifacts, a first tenant and an administrator's key, which is printed this once.

    Running it again changes nothing; --new-key makes one more key.
    """
    from foreword.cli.render import out_console, print_facts
    from foreword.domain.tenant import Scope
    from foreword.storage.artifacts import ArtifactStore
    from foreword.storage.database import Database
    from foreword.storage.tenants import TenantRepository

    settings = read_settings(home=home)
    make_home(settings)
    warn_of_open_home(settings)
    console = out_console()
    database = Database(settings.resolved_database_url)
    try:
        database.migrate()
        ArtifactStore(settings.resolved_artifacts_url)
        tenants = TenantRepository(database)
        tenants.ensure_tenant(tenant)
        secret = ""
        if new_key or not tenants.list_api_keys(tenant, page_size=1).items:
            _, secret = tenants.create_api_key(tenant, "administrator", frozenset(Scope), None)
    finally:
        database.close()
    facts = [("home", str(settings.home_folder)), ("tenant", tenant), ("key", secret)]
    if not secret:
        console.print("Set up already; nothing was changed. --new-key makes another administrator's key.")
        print_facts(console, facts)
        return
    console.print("Set up.")
    print_facts(console, facts)
    console.print("\nThe key is shown this once and stored nowhere; keep it safe. What to do next:")
    console.print("  foreword serve" + (f" --home {shlex.quote(str(settings.home_folder))}" if home else ""))
    console.print(f"  export FOREWORD_API_KEY={secret}", soft_wrap=True)
