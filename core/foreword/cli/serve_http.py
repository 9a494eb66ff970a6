"""The process of HTTP beside a server: how `foreword serve` starts, watches and stops it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Self

import click

from foreword.cli.socket_folder import SocketFolder
from foreword.errors import FailedPreconditionError
from foreword.installation import install_command

if TYPE_CHECKING:
    import socket

    from foreword.config import Settings
    from foreword.scheduling.kept_process import KeptProcess

_LONGEST_PATH = 100
"""Maximum length of the path of a Unix socket in bytes, on every system that has them."""


class HttpProcess:
    """`foreword http` on this machine, which calls the service over a Unix socket.

    The socket for HTTP is opened here, so that a port that is in use is reported at once, and so that no caller is
    turned away while the process is started again.

    Args:
        settings: Settings of the process.
        listening: The socket for HTTP.
        folder: Folder of the Unix socket.
    """

    def __init__(self, settings: Settings, listening: socket.socket, folder: SocketFolder) -> None:
        self._settings = settings
        self._listening = listening
        self._folder = folder
        self._process: KeptProcess | None = None

    @classmethod
    def prepare(cls, settings: Settings) -> Self | None:
        """Open the sockets; None, after one line that says why, if HTTP cannot be served here.

        Raises:
            InvalidArgumentError: The settings are unsafe.
        """
        if sys.platform == "win32":
            _warn("it needs Unix sockets; run `foreword http` instead")
            return None
        try:
            from foreword.http.process import check_http_address, listen_for_http
        except ModuleNotFoundError as error:
            _warn(f"the package {error.name!r} is not installed. Install it with: {install_command('http')}")
            return None
        check_http_address(settings, dev_key=settings.dev)
        folder = SocketFolder()
        if len(bytes(folder.path)) > _LONGEST_PATH - len("/service"):
            folder.close()
            _warn(f"the path of {folder.path} is too long for a Unix socket. Set TMPDIR to a shorter one")
            return None
        try:
            return cls(settings, listen_for_http(settings), folder)
        except FailedPreconditionError as error:
            folder.close()
            _warn(error.message)
            return None

    @property
    def service_socket(self) -> Path:
        """Path of the Unix socket at which the server has to listen."""
        return self._folder.path / "service"

    @property
    def address(self) -> str:
        """Base URL of OpenAI's interface."""
        host, port = self._listening.getsockname()[:2]
        scheme = "https" if self._settings.tls_certificate and not host.startswith(("127.", "::1")) else "http"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}/v1"

    def sign_in_link(self, api_key: str) -> str:
        """Return the address of the studio that signs one browser in with a key, once."""
        from foreword.http.studio.sign_in_links import SignInLinks

        secret = SignInLinks(self._folder.path).make(api_key)
        return f"{self.address.removesuffix('v1')}sign-in?link={secret}"

    def start(self, port: int) -> None:
        """Begin to start the process and return at once.

        Args:
            port: Port of the service, which its pages show.
        """
        from foreword.scheduling.kept_process import KeptProcess

        descriptor = self._listening.fileno()
        self._process = KeptProcess(
            "http",
            ("http", "--endpoint", f"unix:{self.service_socket}", "--descriptor", str(descriptor)),
            self._settings.model_copy(update={"port": port}).to_environment(),
            descriptors=(descriptor,),
        )
        self._process.start()

    async def stop(self) -> None:
        """Stop listening, complete running requests and end the process."""
        self._listening.close()
        if self._process is not None:
            await self._process.stop(self._settings.drain_seconds)

    def close(self) -> None:
        """Remove what is left of the sockets."""
        self._listening.close()
        self._folder.close()


def _warn(why: str) -> None:
    """Print why HTTP is not served."""
    click.echo(f"Warning: HTTP is not served: {why.removesuffix('.')}.", err=True)
