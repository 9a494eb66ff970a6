"""Address and encryption of the server."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

import grpc

from foreword.addresses import is_loopback
from foreword.config import Settings
from foreword.errors import FailedPreconditionError, InvalidArgumentError


def check_listening(settings: Settings, *, dev_key: bool) -> None:
    """Reject settings that would send keys over a network in plain text or expose the well-known key `dev`.

    Raises:
        InvalidArgumentError: The settings are unsafe or incomplete.
    """
    certificate, private_key = settings.tls_certificate, settings.tls_private_key
    if (certificate is None) != (private_key is None):
        missing = "tls_private_key" if private_key is None else "tls_certificate"
        raise InvalidArgumentError.of(missing, "must be set too: TLS needs a certificate and its private key")
    if settings.tls_client_ca is not None and certificate is None:
        raise InvalidArgumentError.of(
            "tls_certificate",
            "must be set too (FOREWORD_TLS_CERTIFICATE): certificates of clients (FOREWORD_TLS_CLIENT_CA) need TLS",
        )
    if settings.tls_clients and settings.tls_client_ca is None:
        raise InvalidArgumentError.of(
            "tls_client_ca",
            "must be set too (FOREWORD_TLS_CLIENT_CA): it says which authorities issue the certificates of "
            "FOREWORD_TLS_CLIENTS",
        )
    if is_loopback(settings.host):
        return
    if dev_key:
        raise InvalidArgumentError.of(
            "host",
            f"must be a loopback address such as 127.0.0.1 with dev, whose key is public, not {settings.host}",
        )
    if certificate is None and not settings.insecure:
        raise InvalidArgumentError.of(
            "host",
            f"{settings.host} is reachable from other machines, and keys would be sent in plain text; set "
            "tls_certificate and tls_private_key, or insecure if something else encrypts the connections",
        )


def listen(server: grpc.aio.Server, settings: Settings) -> int:
    """Bind the server and return its port.

    Raises:
        FailedPreconditionError: The port is in use, or the address does not belong to this machine.
        InvalidArgumentError: A TLS file cannot be read.
    """
    host = f"[{settings.host}]" if ":" in settings.host and not settings.host.startswith("[") else settings.host
    address = f"{host}:{settings.port}"
    try:
        _check_free(settings)
        if settings.tls_certificate is None or settings.tls_private_key is None:
            port: int = server.add_insecure_port(address)
        else:
            credentials = _credentials(settings.tls_certificate, settings.tls_private_key, settings.tls_client_ca)
            port = server.add_secure_port(address, credentials)
        return port
    except (RuntimeError, OSError) as error:
        raise FailedPreconditionError(
            f"Cannot listen on {address}: the port is in use, or the address does not belong to this machine. "
            "Set another port with --port or FOREWORD_PORT, or another address with --host or FOREWORD_HOST.",
            reason="ADDRESS_UNAVAILABLE",
            metadata={"address": address},
        ) from error


def listen_privately(server: grpc.aio.Server, path: Path) -> None:
    """Bind the server to a Unix socket as well, whose clients are trusted to name the addresses of their callers.

    Args:
        path: Path of the socket, in a folder that only the user of this process can open.

    Raises:
        FailedPreconditionError: The socket cannot be created.
    """
    try:
        server.add_insecure_port(f"unix:{path}")
    except RuntimeError as error:
        raise FailedPreconditionError(
            f"Cannot listen on the Unix socket {path}. Set TMPDIR to a folder in which sockets can be created, or "
            "start the service with --no-http.",
            reason="ADDRESS_UNAVAILABLE",
        ) from error


def _check_free(settings: Settings) -> None:
    """Raise an OSError if no address of the host can be used. gRPC would write lines of its own to standard error."""
    faults: list[OSError] = []
    found = socket.getaddrinfo(settings.host.strip("[]"), settings.port, type=socket.SOCK_STREAM)
    for family, kind, protocol, _, address in found:
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as gRPC does
            try:
                probe.bind(address)
            except OSError as fault:
                faults.append(fault)
    if len(faults) == len(found):
        raise faults[0]


def _credentials(certificate: Path, private_key: Path, client_ca: Path | None) -> grpc.ServerCredentials:
    """Read and check both files. gRPC would accept any content and only report later that it cannot listen."""
    pair = (_read(private_key, "tls_private_key"), _read(certificate, "tls_certificate"))
    try:
        # With a wrong password, an encrypted key is an error instead of a prompt on the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, private_key, password="")
    except (ssl.SSLError, OSError, ValueError) as error:
        raise InvalidArgumentError.of(
            "tls_certificate",
            f"{certificate} and {private_key} are not a PEM certificate chain and its unencrypted private key: {error}",
        ) from error
    if client_ca is None:
        return grpc.ssl_server_credentials([pair])
    authorities = _read(client_ca, "tls_client_ca")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(client_ca)
    except (ssl.SSLError, OSError, ValueError) as error:
        raise InvalidArgumentError.of("tls_client_ca", f"{client_ca} holds no PEM certificates: {error}") from error
    return grpc.ssl_server_credentials([pair], authorities, require_client_auth=True)


def _read(path: Path, setting: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidArgumentError.of(setting, f"{path} cannot be read: {error.strerror}") from error
