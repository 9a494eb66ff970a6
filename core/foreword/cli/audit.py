"""`foreword audit`: who has changed what, when and from where."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import click

from foreword.cli.session import json_option, limit_option, selection_options, with_client

if TYPE_CHECKING:
    from foreword.client import Client
    from foreword.domain.audit import AuditRecord

_ALL: Final = "tenants/-"
_PAGE: Final = 1000


def _tenant_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options `--tenant` and `--all-tenants` to a command, passed as `tenant`; None is the caller's own."""

    @click.option("--tenant", help="Tenant of the records.  [default: your own]")
    @click.option("--all-tenants", is_flag=True, help="Records of all tenants, and those that belong to none.")
    @functools.wraps(function)
    def command(*arguments: Any, tenant: str | None, all_tenants: bool, **options: Any) -> Any:
        if tenant and all_tenants:
            raise click.UsageError("Set --tenant or --all-tenants, not both.")
        return function(*arguments, tenant=_ALL if all_tenants else tenant, **options)

    return command


@click.group()
def audit() -> None:
    """Show who has changed what, when and from where.

    Needs a key with the scope tenant_admin, or admin for other tenants.
    """


@audit.command("list")
@_tenant_options
@selection_options("method : DeleteDeployment")
@limit_option
@json_option
@with_client
def list_(client: Client, tenant: str | None, filter: str, order_by: str, limit: int, as_json: bool) -> None:
    """List audit records, newest first."""
    from foreword.cli.render import print_listing
    from foreword.cli.render.listing import age

    print_listing(
        client.list_audit_records(tenant, filter=filter, order_by=order_by, limit=limit),
        {
            "when": lambda item: age(item.time),
            "actor": lambda item: item.actor or "no valid key",
            "from": lambda item: item.peer,
            "method": lambda item: item.method.rpartition("/")[2],
            "resource": lambda item: item.resource.removeprefix(f"tenants/{item.tenant}/"),
            "fields": lambda item: ", ".join(item.changed_fields),
            "outcome": lambda item: item.reason or item.code,
            "calls": lambda item: str(item.count),
        },
        right=["calls"],
        as_json=as_json,
    )


@audit.command()
@_tenant_options
@click.option(
    "--filter", default="", help="Export only what meets a condition, such as 'time > \"2026-01-31T00:00:00Z\"'."
)
@click.option(
    "--output",
    type=click.File("w", encoding="utf-8", lazy=True),
    default="-",
    help="File to write.  [default: standard output]",
)
@with_client
def export(client: Client, tenant: str | None, filter: str, output: IO[str]) -> None:
    """Write audit records as JSON lines, each tenant's oldest first.

    `foreword audit verify FILE` checks such a file, also when the service has deleted the records since. A file with a
    filter has gaps.
    """
    from foreword.domain.audit import to_json

    count = 0
    for chain in client.list_audit_chains(tenant):
        for record in _records(client, chain.tenant, filter):
            output.write(json.dumps(to_json(record), sort_keys=True, separators=(",", ":")) + "\n")
            count += 1
    click.echo(f"Exported {count:,} records.", err=True)


@audit.command()
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_tenant_options
@click.option(
    "--head",
    metavar="NUMBER:HASH",
    help="A head that this command has printed earlier; the chain must still contain that record.",
)
@with_client
def verify(client: Client, file: Path | None, tenant: str | None, head: str | None) -> None:
    """Check that no audit record is missing and none was altered.

    Reads the records of the service, or those of FILE, an export. Prints the head of each chain: keep it elsewhere, and
    pass it as --head later, to notice that a chain was replaced as a whole. Exits with status 1 if something is wrong.
    """
    if file is not None:
        faults = list(_verify_file(file))
    else:
        noted = _parse_head(head)
        chains = client.list_audit_chains(tenant)
        if noted is not None and tenant == _ALL:
            raise click.UsageError("--head belongs to one tenant; choose it with --tenant.")
        faults = [] if chains or noted is None else [f"There are no records, but there was record {noted[0]}."]
        for chain in chains:
            fault = client.check_audit_chain(chain, noted)
            name = chain.tenant or "no tenant"
            if fault:
                faults.append(f"{name}: {fault}.")
            else:
                deleted = chain.anchor_sequence
                stored = f"{chain.last_sequence - deleted:,} records are intact"
                if deleted:
                    stored += f" from record {deleted + 1}"
                click.echo(f"{name}: {stored}, head {chain.last_sequence}:{chain.last_hash}")
    if faults:
        raise click.ClickException("\n".join(faults))


def _records(client: Client, tenant: str, filter: str) -> Iterator[AuditRecord]:
    """Yield the records of a tenant in their order, without holding all of them."""
    parent = f"tenants/{tenant}" if tenant else _ALL
    last = 0
    while True:
        condition = f'tenant = "{tenant}" AND sequence > {last}' + (f" AND ({filter})" if filter else "")
        found = client.list_audit_records(parent, filter=condition, order_by="sequence", limit=_PAGE)
        yield from found
        if len(found) < _PAGE:
            return
        last = found[-1].sequence


def _verify_file(file: Path) -> Iterator[str]:
    """Check an export, and yield what is wrong with it."""
    from foreword.domain.audit import ChainChecker, from_json

    checkers: dict[str, ChainChecker] = {}
    faulty: set[str] = set()
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                record = from_json(json.loads(line))
            except ValueError as error:
                yield f"{file}, line {number}: {error}."
                return
            checker = checkers.setdefault(record.tenant, ChainChecker())
            fault = "" if record.tenant in faulty else checker.add(record)
            if fault:
                faulty.add(record.tenant)
                yield f"{file}, line {number}, {record.tenant or 'no tenant'}: {fault}."
    for tenant, checker in checkers.items():
        if tenant not in faulty:
            click.echo(f"{tenant or 'no tenant'}: the records are intact, head {checker.sequence}:{checker.hash}")


def _parse_head(text: str | None) -> tuple[int, str] | None:
    if text is None:
        return None
    number, _, hash = text.partition(":")
    if not number.isdecimal() or len(hash) != 64:
        raise click.BadParameter("must be NUMBER:HASH, as `foreword audit verify` prints it.", param_hint="--head")
    return int(number), hash
