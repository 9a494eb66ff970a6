"""The command `foreword top`."""

from __future__ import annotations

import sys
import time

import click

from foreword.cli.render import out_console


@click.command(short_help="Show tenants, models, queues and workers live.")
@click.option(
    "--metrics",
    "addresses",
    multiple=True,
    metavar="URL",
    help="Address of the metrics of a server or worker; repeat it for more.  [default: those of this machine]",
)
@click.option(
    "--interval", type=click.FloatRange(0.1, 3600), default=2.0, show_default=True, help="Seconds between two readings."
)
@click.option("--once", is_flag=True, help="Print the tables of one interval and exit.")
def top(addresses: tuple[str, ...], interval: float, once: bool) -> None:
    """Show tenants, deployments, models, queues and workers, until Ctrl-C.

    It reads the metrics that server and workers serve (FOREWORD_METRICS_PORT), so it needs no API key. Rates and means
    are those of the last interval. If the output is not a terminal, it is printed once.
    """
    from foreword.cli.top.readings import SERVER, WORKERS, Change, read
    from foreword.cli.top.tables import tables

    chosen, required = (addresses, True) if addresses else ((SERVER, *WORKERS), False)
    before = read(chosen, required=required)
    time.sleep(interval)
    change = Change(before=before, now=read(chosen, required=required))
    console = out_console()
    if once or not sys.stdout.isatty():
        console.print(tables(change))
        return
    from rich.live import Live

    with Live(tables(change), console=console, screen=True, auto_refresh=False) as live:
        while True:
            time.sleep(interval)
            change = Change(before=change.now, now=read(chosen, required=required))
            live.update(tables(change), refresh=True)
