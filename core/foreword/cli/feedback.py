"""`foreword feedback`: what is right about an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from foreword.cli.session import json_option, with_client

if TYPE_CHECKING:
    from foreword.client import Client


@click.command(short_help="Say what is right about an answer.")
@click.argument("deployment")
@click.argument("request_id")
@click.option("--label", "labels", multiple=True, help="A right label; may be repeated.")
@click.option("--no-label", is_flag=True, help="None of the labels is right.")
@click.option("--output", help="The right text, for an answer that is any text.")
@click.option("--score", type=float, help="How good the answer is, from 0 to 1.")
@click.option("--comment", default="", help="Free text.")
@click.option("--input", default="", help="The prompt of the request; needed if the request was not captured.")
@click.option("--allow-new-labels", is_flag=True, help="Accept labels that the model does not have.")
@json_option
@with_client
def feedback(
    client: Client,
    deployment: str,
    request_id: str,
    labels: tuple[str, ...],
    no_label: bool,
    output: str | None,
    score: float | None,
    comment: str,
    input: str,
    allow_new_labels: bool,
    as_json: bool,
) -> None:
    """Say what is right about the answer to the request REQUEST_ID of DEPLOYMENT.

    `foreword classify --json` and `foreword deployments captures list` print the ids of requests. There is one feedback
    for each request, and the last one counts.
    """
    from foreword.cli.render import print_json

    if labels and no_label:
        raise click.UsageError("Give either --label or --no-label.")
    given = client.submit_feedback(
        deployment,
        request_id,
        labels=labels if labels or no_label else None,
        output=output,
        score=score,
        comment=comment,
        input=input,
        allow_new_labels=allow_new_labels,
    )
    if as_json:
        print_json(given)
        return
    said = {True: "The answer was right.", False: "The answer was wrong.", None: ""}[given.correct]
    click.echo(f"Stored the feedback. {said}".strip())
