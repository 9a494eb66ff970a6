"""Where the server listens, and whether it may do so without encryption."""

from __future__ import annotations

import ssl
from pathlib import Path

import grpc

from foreword.addresses import is_loopback
from foreword.config import Settings
from foreword.errors import FailedPreconditionError, InvalidArgumentError


def check_listening(settings: Settings, *, dev_key: bool) -> None:
    """Refuses settings under which keys would cross a network in plain text, or everybody would know one.

    Raises:
        InvalidArgumentError: Names the settings at fault and the remedy.
    """
    certificate, private_key = settings.tls_certificate, settings.tls_private_key
    if (certificate is None) != (private_key is None):
        missing = "tls_private_key" if private_key is None else "tls_certificate"
        raise InvalidArgumentError.of(missing, "must be set as well: TLS needs a certificate and its private key")
    if is_loopback(settings.host):
        return
    if dev_key:
        raise InvalidArgumentError.of(
            "host",
            f"must be a loopback address such as 127.0.0.1 with dev, whose key everybody knows, not {settings.host}",
        )
    if certificate is None and not settings.insecure:
        raise InvalidArgumentError.of(
            "host",
            f"{settings.host} can be reached from other machines, and keys would travel in plain text; set "
            "tls_certificate and tls_private_key, or insecure if something else encrypts",
        )


def listen(server: grpc.aio.Server, settings: Settings) -> int:
    """Binds the server and returns its port.

    Raises:
        FailedPreconditionError: The port is taken or the address is not this machine's.
        InvalidArgumentError: A TLS file cannot be read.
    """
    host = f"[{settings.host}]" if ":" in settings.host and not settings.host.startswith("[") else settings.host
    address = f"{host}:{settings.port}"
    try:
        if settings.tls_certificate is None or settings.tls_private_key is None:
            port: int = server.add_insecure_port(address)
        else:
            credentials = _credentials(settings.tls_certificate, settings.tls_private_key)
            port = server.add_secure_port(address, credentials)
        return port
    except RuntimeError as error:
        raise FailedPreconditionError(
            f"Cannot listen on {address}: the port is taken, or the address is not this machine's. "
            "Choose another one with host and port.",
            reason="ADDRESS_UNAVAILABLE",
            metadata={"address": address},
        ) from error


def _credentials(certificate: Path, private_key: Path) -> grpc.ServerCredentials:
    """Reads both files. gRPC would take anything here, and later only say that it cannot listen."""
    pair = (_read(private_key, "tls_private_key"), _read(certificate, "tls_certificate"))
    try:
        # A password that cannot be right, so that an encrypted key is an error instead of a question on the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, private_key, password="")
    except (ssl.SSLError, OSError, ValueError) as error:
        raise InvalidArgumentError.of(
            "tls_certificate",
            f"{certificate} and {private_key} are no PEM certificate chain with its unencrypted private key: {error}",
        ) from error
    return grpc.ssl_server_credentials([pair])


def _read(path: Path, setting: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidArgumentError.of(setting, f"{path} cannot be read: {error.strerror}") from error
