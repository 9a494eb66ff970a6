"""`foreword webhooks`: management of webhooks, to which events are sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from foreword.cli.session import json_option, limit_option, selection_options, with_client

if TYPE_CHECKING:
    from foreword.client import Client, Webhook


@click.group()
def webhooks() -> None:
    """Manage webhooks, to which the service sends events.

    WEBHOOK is the id or the display name of a webhook.
    """


@webhooks.command()
@click.argument("url")
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    metavar="KIND",
    help="Kind of events, such as tune_experiment.succeeded, or 'rollout.*' for all of a noun; may be repeated.  "
    "[default: all]",
)
@click.option("--name", "display_name", default="", help="Display name.  [default: the host of the URL]")
@click.option("--space", help="Space to which events of deployments are limited.  [default: all spaces]")
@click.option("--id", "webhook_id", default="", help="Id.  [default: generated]")
@json_option
@with_client
def create(
    client: Client,
    url: str,
    kinds: tuple[str, ...],
    display_name: str,
    space: str | None,
    webhook_id: str,
    as_json: bool,
) -> None:
    """Create a webhook for URL and print its secret, which is shown only once.

    The receiver verifies events with the secret, see https://www.standardwebhooks.com.
    """
    from foreword.cli.render import print_json

    made = client.create_webhook(url, kinds or ("*",), display_name=display_name, space=space, webhook_id=webhook_id)
    if as_json:
        print_json(made)
    else:
        _print_secret(made, f"Created {made.name}.")


@webhooks.command("list")
@selection_options("disable_reason = FAILING")
@json_option
@with_client
def list_(client: Client, filter: str, order_by: str, as_json: bool) -> None:
    """List webhooks, newest first."""
    from foreword.cli.render import print_listing, short_name
    from foreword.cli.render.listing import age
    from foreword.cli.render.webhooks import webhook_state

    print_listing(
        client.list_webhooks(filter=filter, order_by=order_by),
        {
            "webhook": lambda item: short_name(item.name),
            "name": lambda item: item.display_name,
            "url": lambda item: item.url,
            "kinds": lambda item: ", ".join(item.kinds),
            "state": webhook_state,
            "created": lambda item: age(item.create_time),
        },
        as_json=as_json,
    )


@webhooks.command()
@click.argument("webhook")
@json_option
@with_client
def show(client: Client, webhook: str, as_json: bool) -> None:
    """Show a webhook: what it is sent, and whether that works."""
    _print(client.get_webhook(webhook), as_json)


@webhooks.command()
@click.argument("webhook")
@click.option("--url", help="New URL.")
@click.option("--kind", "kinds", multiple=True, metavar="KIND", help="Kind of events; replaces all; may be repeated.")
@click.option("--name", "display_name", help="New display name.")
@click.option("--enable/--disable", "enabled", default=None, help="Send events, or stop sending them.")
@json_option
@with_client
def update(
    client: Client,
    webhook: str,
    url: str | None,
    kinds: tuple[str, ...],
    display_name: str | None,
    enabled: bool | None,
    as_json: bool,
) -> None:
    """Change a webhook.

    If it is enabled again or gets another URL, the events that wait for it are sent at once.
    """
    if not kinds and (url, display_name, enabled) == (None, None, None):
        raise click.UsageError("Nothing to change; set --url, --kind, --name, --enable or --disable.")
    _print(
        client.update_webhook(webhook, url=url, kinds=kinds or None, display_name=display_name, enabled=enabled),
        as_json,
    )


@webhooks.command()
@click.argument("webhook")
@json_option
@with_client
def test(client: Client, webhook: str, as_json: bool) -> None:
    """Send a test event now and show what came back.

    Exits with status 1 if the receiver did not accept it.
    """
    from foreword.cli.render import print_json
    from foreword.cli.render.webhooks import attempt_text

    attempt = client.test_webhook(webhook)
    if as_json:
        print_json(attempt)
    else:
        click.echo(f"{attempt.event}: {attempt_text(attempt)}")
    if attempt.problem is not None:
        raise click.exceptions.Exit(1)


@webhooks.command()
@click.argument("webhook")
@selection_options("state = FAILED")
@limit_option
@json_option
@with_client
def deliveries(client: Client, webhook: str, filter: str, order_by: str, limit: int, as_json: bool) -> None:
    """List the deliveries of events to a webhook, newest first."""
    from foreword.cli.render import print_listing, short_name
    from foreword.cli.render.listing import age
    from foreword.cli.render.webhooks import brief_attempt, delivery_state

    print_listing(
        client.list_webhook_deliveries(webhook, filter=filter, order_by=order_by, limit=limit),
        {
            "event": lambda item: short_name(item.name),
            "kind": lambda item: item.kind,
            "resource": lambda item: short_name(item.resource),
            "state": delivery_state,
            "tries": lambda item: str(item.attempts),
            "last answer": lambda item: brief_attempt(item.last_attempt) if item.last_attempt else "",
            "happened": lambda item: age(item.create_time),
        },
        right=["tries"],
        as_json=as_json,
    )


@webhooks.command()
@click.argument("webhook")
@click.argument("event")
@with_client
def redeliver(client: Client, webhook: str, event: str) -> None:
    """Send EVENT again, with the same id, or a waiting one at once."""
    client.redeliver_webhook_delivery(event, webhook)
    click.echo(f"{event} is sent again. See: foreword webhooks deliveries {webhook}")


@webhooks.command()
@click.argument("webhook")
@click.option(
    "--overlap-hours",
    type=click.FloatRange(min=0, max=168),
    default=24.0,
    show_default=True,
    help="Time for which events are also signed with the old secret; 0 if somebody else may know it.",
)
@json_option
@with_client
def rotate(client: Client, webhook: str, overlap_hours: float, as_json: bool) -> None:
    """Make a new secret and print it, which is shown only once."""
    from foreword.cli.render import print_json

    made = client.rotate_webhook_secret(webhook, overlap_seconds=overlap_hours * 3600)
    if as_json:
        print_json(made)
    else:
        _print_secret(made, f"The secret of {made.name} is new.")


@webhooks.command()
@click.argument("webhook")
@with_client
def delete(client: Client, webhook: str) -> None:
    """Delete a webhook with its deliveries; events that wait for it are not sent."""
    client.delete_webhook(webhook)
    click.echo(f"Deleted {webhook}.")


def _print_secret(webhook: Webhook, news: str) -> None:
    from foreword.cli.render import short_name

    click.echo(webhook.secret)
    click.echo(
        f"{news} The secret is shown only once; set it in the receiver, then try: foreword webhooks test "
        f"{short_name(webhook.name)}",
        err=True,
    )


def _print(webhook: Webhook, as_json: bool) -> None:
    from foreword.cli.render import out_console, print_facts, print_json, short_name
    from foreword.cli.render.listing import age
    from foreword.cli.render.webhooks import DISABLED, webhook_state

    if as_json:
        print_json(webhook)
        return
    reason = webhook.disable_reason
    print_facts(
        out_console(),
        [
            ("webhook", short_name(webhook.name)),
            ("name", webhook.display_name),
            ("url", webhook.url),
            ("kinds", ", ".join(webhook.kinds)),
            ("space", short_name(webhook.space) if webhook.space else ""),
            ("state", webhook_state(webhook)),
            ("reason", "" if reason is None else DISABLED[reason]),
            ("last success", age(webhook.last_success_time) or "never"),
            ("failing since", age(webhook.failing_since)),
            ("failed attempts", str(webhook.consecutive_failures) if webhook.consecutive_failures else ""),
            ("secret made", age(webhook.secret_create_time)),
        ],
    )
