"""The address of the service and the credentials of a call."""

from __future__ import annotations

import os
import re
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import grpc

from foreword.addresses import is_loopback
from foreword.client.proxy import DIRECT, is_on_this_machine
from foreword.domain.messages import MAX_REQUEST_BYTES, MAX_RESPONSE_BYTES
from foreword.errors import InvalidArgumentError, UnauthenticatedError
from foreword.redaction import redact

Tls = bool | bytes | str | PathLike[str] | None
ClientCertificate = tuple[str | PathLike[str], str | PathLike[str]] | None

TLS_CA_VARIABLE = "FOREWORD_TLS_CA"
_CLIENT_CERTIFICATE = "FOREWORD_TLS_CLIENT_CERTIFICATE"
_CLIENT_KEY = "FOREWORD_TLS_CLIENT_KEY"
DEFAULT_ENDPOINT = "127.0.0.1:50051"
_DEFAULT_PORT = 50051

_CHANNEL_OPTIONS = (
    ("grpc.max_receive_message_length", MAX_RESPONSE_BYTES),
    ("grpc.max_send_message_length", MAX_REQUEST_BYTES),
    # The defaults wait a second, then longer: all retries during a restart of the service would fail.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2000),
)
_NEARBY = (("grpc.max_reconnect_backoff_ms", 500),)
"""The last value of an option counts."""


class Endpoint(NamedTuple):
    """The address of the service: a gRPC target, and whether it uses TLS by default."""

    target: str
    tls: bool


def parse_endpoint(text: str) -> Endpoint:
    """Parse `host`, `host:port`, `[v6]:port` or `unix:path`; the first three may follow `http://` or `https://`.

    Without a scheme, loopback is plain text and everything else uses TLS: a key leaves the machine in plain text only
    if the endpoint says `http://`.

    Raises:
        InvalidArgumentError: The text has none of these forms.
    """
    if text.startswith("unix:"):
        return Endpoint(text, tls=False)
    found = re.fullmatch(r"(?:(https?)://)?(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?/?", text.strip())
    if found is None:
        raise InvalidArgumentError.of(
            "endpoint", f"must look like HOST:PORT or https://HOST:PORT, not {redact(text[:200])!r}"
        )
    scheme, host, port = found.groups()
    tls = scheme == "https" or (scheme is None and not is_loopback(host))
    return Endpoint(f"{host}:{port or _DEFAULT_PORT}", tls=tls)


def channel_options(target: str) -> tuple[tuple[str, int], ...]:
    """Return the options of a channel to `target`.

    A channel to this machine never uses a proxy, and looks more often whether the service is back: it harms nobody.
    """
    return (*_CHANNEL_OPTIONS, *_NEARBY, *DIRECT) if is_on_this_machine(target) else _CHANNEL_OPTIONS


def channel_credentials(
    endpoint: Endpoint, tls: Tls, client: ClientCertificate = None
) -> grpc.ChannelCredentials | None:
    """Return the credentials of a channel; None for plain text.

    The environment variable FOREWORD_TLS_CA sets the certificates that a channel with TLS trusts unless `tls` sets
    them, and FOREWORD_TLS_CLIENT_CERTIFICATE and FOREWORD_TLS_CLIENT_KEY the certificate of the client unless `client`
    sets it. They do not switch TLS on.

    Args:
        tls: True or False to force TLS on or off; a path or PEM bytes to trust these certificates; None to follow the
            endpoint.
        client: Paths of the client's certificate chain and of its private key, in PEM.

    Raises:
        InvalidArgumentError: A file cannot be read, or only one of the client's two files is set.
    """
    if tls is False or (tls is None and not endpoint.tls):
        return None
    certificate, key = client or (os.environ.get(_CLIENT_CERTIFICATE), os.environ.get(_CLIENT_KEY))
    if bool(certificate) != bool(key):
        missing = _CLIENT_KEY if certificate else _CLIENT_CERTIFICATE
        raise InvalidArgumentError.of(missing, "must be set too: a client needs a certificate and its private key")
    chain = _pem(certificate, "tls_client" if client else _CLIENT_CERTIFICATE, "certificate of the client")
    private = _pem(key, "tls_client" if client else _CLIENT_KEY, "private key of the client")
    if isinstance(tls, bytes):
        return grpc.ssl_channel_credentials(tls, private, chain)
    from_environment = tls is None or tls is True
    trusted = os.environ.get(TLS_CA_VARIABLE) if from_environment else tls
    roots = _pem(trusted, TLS_CA_VARIABLE if from_environment else "tls", "certificates to trust")
    return grpc.ssl_channel_credentials(roots, private, chain)


def _pem(path: str | bool | PathLike[str] | None, source: str, what: str) -> bytes | None:
    """Return the content of a PEM file; None without a path.

    Raises:
        InvalidArgumentError: It cannot be read.
    """
    if not path or path is True:
        return None
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:  # a NUL in the path is a ValueError
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise InvalidArgumentError.of(
            source, f"{path!s} cannot be read: {why}. Set it to a PEM file with the {what}."
        ) from error


def key_metadata(api_key: str) -> list[tuple[str, str]]:
    """Return the metadata that carries a key; empty for an empty key.

    Raises:
        UnauthenticatedError: The key contains characters that no key has.
    """
    key = api_key.strip()  # a key read from a file may end with a line end
    if not (key.isascii() and key.isprintable()):
        raise UnauthenticatedError(
            "The API key contains characters that no key has, such as a line end or a letter outside ASCII. Copy it "
            "again from the output of `foreword keys create` into FOREWORD_API_KEY or api_key."
        )
    return [("authorization", f"Bearer {key}")] if key else []
