"""`foreword datasets`: stored training data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from foreword.cli.captures import provenance_text
from foreword.cli.session import json_option, limit_option, selection_options, view_option, with_client
from foreword.domain.resource_view import ResourceView

if TYPE_CHECKING:
    from foreword.client import Client


@click.group()
def datasets() -> None:
    """Manage stored training data.

    DATASET is the id or the display name of a dataset.
    """


@datasets.command("list")
@selection_options("row_count >= 100")
@view_option
@limit_option
@json_option
@with_client
def list_(client: Client, filter: str, order_by: str, view: str, limit: int, as_json: bool) -> None:
    """List datasets, newest first."""
    from foreword.cli.render import print_listing, short_name
    from foreword.cli.render.listing import age

    print_listing(
        client.list_datasets(filter=filter, order_by=order_by, view=ResourceView(view), limit=limit),
        {
            "dataset": lambda item: short_name(item.name),
            "name": lambda item: item.display_name,
            "version": lambda item: str(item.version),
            "rows": lambda item: f"{item.row_count:,}",
            "size": lambda item: f"{item.byte_size / 1000:,.0f} kB",
            "created": lambda item: age(item.create_time),
        },
        right=["version", "rows", "size"],
        as_json=as_json,
    )


@datasets.command()
@click.argument("dataset")
@json_option
@with_client
def show(client: Client, dataset: str, as_json: bool) -> None:
    """Show a dataset and its report."""
    from foreword.cli.render import out_console, print_facts, print_json, print_report

    found = client.get_dataset(dataset)
    if as_json:
        print_json(found)
        return
    console = out_console()
    print_facts(
        console,
        [
            ("dataset", found.name),
            ("name", f"{found.display_name}, version {found.version}"),
            ("description", found.description),
            ("made of", provenance_text(found.captured_from) if found.captured_from else ""),
            ("outputs", "none: unlabelled rows for batch jobs" if found.unlabelled else ""),
            ("size", f"{found.row_count:,} rows, {found.byte_size:,} bytes"),
            ("sha256", found.content_sha256),
        ],
    )
    console.print()
    if found.report is not None:
        print_report(console, found.report)


@datasets.command()
@click.argument("dataset")
@with_client
def delete(client: Client, dataset: str) -> None:
    """Delete a dataset.

    Models tuned on it are kept. A dataset of a queued or running experiment cannot be deleted.
    """
    client.delete_dataset(dataset)
    click.echo(f"Deleted {dataset}.")
