"""`foreword deployments drift`: the comparison of captured requests with training data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from foreword.cli.session import json_option, with_client
from foreword.domain.counted import counted
from foreword.domain.drift import DriftKind, DriftVerdict

if TYPE_CHECKING:
    from rich.text import Text

    from foreword.client import Client, DriftMeasure

_NAMES: Final = {
    DriftKind.INPUT_LENGTH: "length of inputs",
    DriftKind.INPUT_WORDS: "words of inputs",
    DriftKind.ANSWERS: "answers",
    DriftKind.CONFIDENCE: "confidence",
    DriftKind.ABSTENTION: "abstention",
}
_DIFFERENCES: Final = (DriftKind.CONFIDENCE, DriftKind.ABSTENTION)
_SHOWN: Final = 3
_VERDICTS: Final = {
    DriftVerdict.STABLE: "stable",
    DriftVerdict.DRIFTED: "drifted",
    DriftVerdict.NOT_ENOUGH: "not enough",
    DriftVerdict.NO_REFERENCE: "nothing to compare with",
}


@click.command()
@click.argument("deployment")
@click.option("--max-requests", type=int, default=0, help="Number of the newest requests to compare.  [default: 1,000]")
@click.option("--since", type=click.DateTime(), help="Time in UTC before which requests do not count.")
@json_option
@with_client
def drift(client: Client, deployment: str, max_requests: int, since: object, as_json: bool) -> None:
    """Compare the newest captured requests with the training data of the model in service.

    Exits with status 1 if they have drifted: if a value is above its tolerance, and chance makes one as large with a
    probability of at most 0.1 %. There is no verdict on fewer than 100 requests.
    """
    from datetime import UTC, datetime

    from foreword.cli.render import out_console, print_json, print_table, short_name
    from foreword.cli.render.console import plain

    after = since.replace(tzinfo=UTC) if isinstance(since, datetime) else None
    report = client.measure_drift(deployment, max_requests=max_requests, since=after)
    if as_json:
        print_json({"verdict": report.verdict, **plain(report)})
    else:
        console = out_console()
        requests = counted(report.request_count, "request")
        console.print(f"{requests}, compared with the training data of {short_name(report.model)}.")
        console.print()
        print_table(
            console,
            ["measure", "verdict", "value", "95 % interval", "tolerance", "compared with", "changed most"],
            [_row(item) for item in report.measures],
            right=["value", "tolerance", "compared with"],
        )
    if report.verdict is DriftVerdict.DRIFTED:
        raise click.exceptions.Exit(1)


def _row(item: DriftMeasure) -> list[str | Text]:
    value = interval = ""
    if item.value is not None and item.lower is not None and item.upper is not None:
        form = "+.3f" if item.kind in _DIFFERENCES else ".3f"
        value, interval = f"{item.value:{form}}", f"{item.lower:{form}} to {item.upper:{form}}"
    return [
        _NAMES[item.kind],
        _verdict(item.verdict),
        value,
        interval,
        f"{item.tolerance:g}",
        f"{item.reference_count:,}",
        "; ".join(
            f"{change.name} {100 * change.reference_share:.0f} % to {100 * change.request_share:.0f} %"
            for change in item.changes[:_SHOWN]
        ),
    ]


def _verdict(verdict: DriftVerdict) -> Text:
    from rich.text import Text

    styles = {DriftVerdict.STABLE: "green", DriftVerdict.DRIFTED: "bold red"}
    return Text(_VERDICTS[verdict], style=styles.get(verdict, "yellow"))
