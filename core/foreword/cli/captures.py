"""`foreword deployments captures`: the captured requests of a deployment."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from foreword.cli.session import json_option, limit_option, selection_options, with_client
from foreword.cli.share import SHARE
from foreword.domain.counted import counted

if TYPE_CHECKING:
    from foreword.client import CapturedRequest, CapturePolicy, CaptureProvenance, Client, Deployment

_SHOWN_CHARACTERS = 60


@click.group()
def captures() -> None:
    """Capture requests with their answers, and read and delete them.

    Nothing is captured unless `set` says so. Keys, e-mail addresses, telephone and card numbers are replaced by
    placeholders before a text is stored.
    """


@captures.command("set")
@click.argument("deployment")
@click.option("--share", type=SHARE, metavar="SHARE", help="Share of the requests to capture, such as 10%; 0 for none.")
@click.option("--retention-days", type=int, help="Days after which a captured request is deleted.  [new: 30]")
@click.option("--max-requests", type=int, help="Number of requests to keep; the oldest make room.  [new: 10,000]")
@json_option
@with_client
def set_(
    client: Client,
    deployment: str,
    share: float | None,
    retention_days: int | None,
    max_requests: int | None,
    as_json: bool,
) -> None:
    """Set which requests of a deployment are captured. What is not given stays as it is.

    With a share of 0, nothing more is captured, and what is stored is deleted after the retention.
    """
    from foreword.cli.render import print_json

    if share is None and retention_days is None and max_requests is None:
        raise click.UsageError("Give --share, --retention-days or --max-requests.")
    found = client.get_deployment(deployment)
    now = found.capture
    policy = replace(
        now,
        share=now.share if share is None else share,
        retention_days=now.retention_days if retention_days is None else retention_days,
        max_requests=now.max_requests if max_requests is None else max_requests,
    )
    changed = client.update_deployment(found, capture=policy, etag=found.etag)
    if as_json:
        print_json(changed.capture)
    else:
        click.echo(f"{changed.serving_name} captures {captures_text(changed.capture)}.")


@captures.command("list")
@click.argument("deployment")
@selection_options("abstained = true AND probability < 0.5")
@limit_option
@json_option
@with_client
def list_(client: Client, deployment: str, filter: str, order_by: str, limit: int, as_json: bool) -> None:
    """List captured requests, newest first."""
    from foreword.cli.render import print_listing
    from foreword.cli.render.listing import age

    print_listing(
        client.list_captured_requests(deployment, filter=filter, order_by=order_by, limit=limit),
        {
            "request": lambda item: item.request_id,
            "input": lambda item: _shortened(item.input),
            "answer": _answer,
            "probability": lambda item: "" if item.probability is None else f"{item.probability:.2f}",
            "feedback": _feedback,
            "revision": lambda item: str(item.revision),
            "stored": lambda item: age(item.create_time),
        },
        right=["probability", "revision"],
        as_json=as_json,
    )


@captures.command()
@click.argument("deployment")
@click.argument("request_ids", nargs=-1)
@click.option("--filter", default="", help="Delete what meets a condition, such as 'input : \"Jane\"'.")
@click.option("--all", "everything", is_flag=True, help="Delete all captured requests of the deployment.")
@with_client
def delete(client: Client, deployment: str, request_ids: tuple[str, ...], filter: str, everything: bool) -> None:
    """Delete captured requests by their ids, by a condition, or all of them."""
    if (bool(request_ids), bool(filter), everything).count(True) != 1:
        raise click.UsageError("Give either ids of requests, --filter or --all.")
    deletion = client.delete_captured_requests(
        deployment, request_ids=request_ids, filter="*" if everything else filter
    )
    count = deletion.deleted_count
    click.echo(f"Deleted {count:,} captured {'request' if count == 1 else 'requests'}.")
    if deletion.datasets:
        click.echo("These datasets may still hold some of them: " + ", ".join(deletion.datasets))


@captures.command()
@click.argument("deployment")
@click.option("--name", required=True, help="Display name of the dataset.")
@click.option("--filter", default="", help="Export only what meets a condition, such as 'abstained = true'.")
@click.option("--unlabelled", is_flag=True, help="Export all inputs without answers, for `foreword batch`.")
@click.option("--description", default="", help="Description of the dataset.")
@json_option
@with_client
def export(
    client: Client, deployment: str, name: str, filter: str, unlabelled: bool, description: str, as_json: bool
) -> None:
    """Make a dataset of captured requests.

    By default, its rows are the requests whose right answer is known from feedback. Of requests with the same input,
    the newest counts.
    """
    from foreword.cli.render import out_console, print_json, print_report

    made = client.export_captured_requests(
        deployment, display_name=name, description=description, filter=filter, unlabelled=unlabelled
    )
    if as_json:
        print_json(made)
        return
    click.echo(f"Stored {made.row_count:,} rows as {made.display_name}, version {made.version} ({made.name}).")
    if made.captured_from is not None:
        click.echo(f"{provenance_text(made.captured_from)}.")
    if made.report is not None and made.report.findings:
        print_report(out_console(), made.report)


def provenance_text(made: CaptureProvenance) -> str:
    """Return which captured requests the rows of a dataset are."""
    left_out = [
        f"{count:,} {why}"
        for count, why in (
            (made.unanswered_count, "without a right answer"),
            (made.repeated_count, "with the input of a newer one"),
        )
        if count
    ]
    condition = f" that meet {made.filter!r}" if made.filter else ""
    span = f"stored from {made.first_time:%Y-%m-%d %H:%M} to {made.last_time:%Y-%m-%d %H:%M} UTC"
    rest = f"; left out: {', '.join(left_out)}" if left_out else ""
    name = made.deployment.rsplit("/", 1)[-1]
    return f"{made.request_count:,} captured requests of {name}{condition}, {span}{rest}"


def captures_text(policy: CapturePolicy) -> str:
    """Return which requests are captured, as a part of a sentence."""
    kept = f"kept for {counted(policy.retention_days, 'day')}"
    if not policy.share:
        return f"no requests; what it has captured is {kept}"
    return f"{100 * policy.share:.4g} % of its requests; they are {kept}, at most {policy.max_requests:,}"


def captured_text(found: Deployment) -> str:
    """Return how many requests a deployment keeps, and what is to be done if there is no room for more."""
    usage = found.capture_usage
    if usage is None:
        return ""
    kept = f"{counted(usage.request_count, 'request')}, {usage.byte_size:,} bytes"
    if not usage.full:
        return kept
    if usage.request_count >= found.capture.max_requests:
        return f"{kept}: full, so new ones replace the oldest; export them, or raise --max-requests"
    return (
        f"{kept}: full, because the captured requests of all deployments take the room of the tenant; new ones replace "
        "the oldest of this deployment or are not kept; export and delete some of any deployment"
    )


def _answer(item: CapturedRequest) -> str:
    return f"{_shortened(item.output)} (abstained)" if item.abstained else _shortened(item.output)


def _feedback(item: CapturedRequest) -> str:
    """Return what was said about an answer, in a few words."""
    given = item.feedback
    if given is None:
        return ""
    if given.correct:
        return "right"
    right = (
        given.right_output or ", ".join(given.right_labels or ()) or ("no label" if given.right_labels == () else "")
    )
    score = "" if given.score is None else f"score {given.score:g}"
    return "; ".join(part for part in (_shortened(right), score, _shortened(given.comment)) if part)


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN_CHARACTERS else f"{line[: _SHOWN_CHARACTERS - 3]}..."
