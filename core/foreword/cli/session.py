"""What every command that talks to a service takes: where it is, and the key."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from foreword.cli.option_names import in_options

_RETRY_SECONDS = 3.0  # a person waits; a service that restarts is back by then, one that is not there stays away


def with_client(function: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command the options `--endpoint`, `--api-key` and `--tls-ca`, and calls it with `client`."""

    @click.option(
        "--endpoint",
        envvar="FOREWORD_ENDPOINT",
        default="",
        show_envvar=True,
        help="Where the service is: HOST:PORT, or with http:// or https:// in front.  [default: 127.0.0.1:50051]",
    )
    @click.option("--api-key", envvar="FOREWORD_API_KEY", default="", show_envvar=True, help="Secret of the key.")
    @click.option(
        "--tls-ca",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        # Not an `envvar`: the client reads the variable, which unlike the option leaves plain text alone.
        help="PEM file with the certificates to trust.  [env var: FOREWORD_TLS_CA; default: the system's]",
    )
    @functools.wraps(function)
    @in_options
    def command(*arguments: Any, endpoint: str, api_key: str, tls_ca: Path | None, **options: Any) -> Any:
        # gRPC logs what goes wrong on its way to an error that says it better; who wants both sets the variable.
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")
        from foreword.client import Client

        with Client(endpoint, api_key, tls=tls_ca, retry_seconds=_RETRY_SECONDS) as client:
            return function(*arguments, client=client, **options)

    return command


def limit_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a list command the option `--limit`."""
    return click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Most to show.")(
        function
    )


def json_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command the option `--json`, passed as `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")(function)
