"""Options of commands that call a service: its address, the key and the output format."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from foreword.cli.option_names import in_options
from foreword.domain.resource_view import ResourceView
from foreword.errors import ForewordError, NotFoundError

if TYPE_CHECKING:
    from foreword.client import Client

_RETRY_SECONDS = 3.0  # a person waits; long enough for a service that restarts


def with_client(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options `--endpoint`, `--api-key` and `--tls-ca` to a command, and call it with `client`."""

    @click.option(
        "--endpoint",
        envvar="FOREWORD_ENDPOINT",
        default="",
        help="Address of the service: [http[s]://]HOST[:PORT].  [env var: FOREWORD_ENDPOINT; default: 127.0.0.1:50051]",
    )
    @click.option("--api-key", envvar="FOREWORD_API_KEY", default="", show_envvar=True, help="API key, or a token.")
    @click.option(
        "--tls-ca",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        # Not an `envvar`: the client reads the variable, which, unlike the option, does not switch TLS on.
        help="PEM file with the certificates to trust.  [env var: FOREWORD_TLS_CA; default: the system's]",
    )
    @functools.wraps(function)
    @in_options
    def command(*arguments: Any, endpoint: str, api_key: str, tls_ca: Path | None, **options: Any) -> Any:
        # gRPC also logs failures that the command reports better; set the variable to see both.
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")
        from foreword.client import Client

        with Client(endpoint, api_key, tls=tls_ca, retry_seconds=_RETRY_SECONDS) as client:
            try:
                return function(*arguments, client=client, **options)
            except NotFoundError as error:
                if "Did you mean " not in error.message:
                    error.message += _near_serving_name(client, error.resource)
                raise

    return command


def _near_serving_name(client: Client, resource: str) -> str:
    """Return the sentence that suggests a serving name for one that does not exist; empty for other resources."""
    from foreword.client.reference import may_be_id, near_name

    if not may_be_id(resource):  # errors about other resources have their full names
        return ""
    try:
        return near_name(resource, client.list_deployments())
    except ForewordError:  # the key may not be allowed to list them
        return ""


def limit_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option `--limit` to a list command."""
    return click.option(
        "--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Maximum number to list."
    )(function)


def selection_options(example: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that adds the options `--filter` and `--order-by` to a list command.

    Args:
        example: A filter, for the help.
    """
    chosen = click.option("--filter", default="", help=f"List only what meets a condition, such as '{example}'.")
    sorted_by = click.option(
        "--order-by", default="", help="Sort by these fields, such as 'create_time, display_name'."
    )
    return lambda function: chosen(sorted_by(function))


def view_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option `--view` to a list command, for the output as JSON."""
    return click.option(
        "--view",
        type=click.Choice([view.value for view in ResourceView]),
        default=ResourceView.BASIC.value,
        show_default=True,
        help="With --json: how much of each item to print.",
    )(function)


def json_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option `--json` to a command, passed as `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")(function)
