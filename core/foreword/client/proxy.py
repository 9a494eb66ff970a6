"""The HTTP proxy that gRPC reads from the environment.

gRPC does not name the proxy when a call through it fails. These rules repeat gRPC's own, so that an error can name the
proxy and the variable that sets it (https://github.com/grpc/grpc/blob/master/doc/environment_variables.md).
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from foreword.addresses import is_loopback

_PROXY_VARIABLES = ("grpc_proxy", "https_proxy", "http_proxy")
_EXCEPTION_VARIABLES = ("no_grpc_proxy", "no_proxy")

_LOCAL_NAMES = ("localhost.localdomain", "ip6-localhost", "ip6-loopback")
"""Names of loopback in the hosts files of common systems."""

DIRECT = (("grpc.enable_http_proxy", 0),)
"""Channel options that keep a channel from using a proxy, even if the environment sets one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """A proxy from the environment.

    Attributes:
        variable: The environment variable that sets it.
        address: Its URL without user and password.
        obstacle: Reason why gRPC does not use the proxy and connects directly; empty if gRPC uses it.
        exceptions: The environment variable that lists hosts that are reached directly.
    """

    variable: str
    address: str
    obstacle: str
    exceptions: str

    @property
    def used(self) -> bool:
        """True if the connection goes through the proxy."""
        return not self.obstacle

    def __str__(self) -> str:
        return f"{self.variable}={self.address}"


def is_on_this_machine(target: str) -> bool:
    """Return whether a gRPC target is a Unix socket or a port of this machine, by the names that need no look-up."""
    if target.startswith(("unix:", "unix-abstract:")):
        return True
    host = _host(target)
    if host in _LOCAL_NAMES or host.endswith(".localhost") or host == socket.gethostname().lower():
        return True
    return is_loopback(host) or host in ("0.0.0.0", "::")  # noqa: S104 - to connect to, not to listen on


def find_proxy(target: str, environment: Mapping[str, str]) -> Proxy | None:
    """Return the proxy that the environment names for `target`, or None if it connects directly on purpose.

    Args:
        target: `host:port`, `[v6]:port` or `unix:path`.
        environment: The environment variables.
    """
    if is_on_this_machine(target):
        return None
    lower = next((name for name in _PROXY_VARIABLES if name in environment), None)
    variable = lower or next((name.upper() for name in _PROXY_VARIABLES if name.upper() in environment), None)
    if variable is None or not environment[variable]:
        return None
    exceptions = next((name for name in _EXCEPTION_VARIABLES if name in environment), "no_proxy")
    host, entries = _host(target), environment.get(exceptions, "").split(",")
    if any(_matches(host, entry.strip()) for entry in entries if entry.strip()):
        return None
    scheme, separator, rest = environment[variable].partition("://")
    address = rest.rpartition("@")[2] if separator else environment[variable].rpartition("@")[2]
    obstacle = ""
    if lower is None:
        obstacle = "gRPC only reads the lower-case names of the variables"
    elif not separator or scheme.lower() != "http":
        obstacle = "gRPC only supports proxies whose URL begins with http://"
    return Proxy(
        variable=variable,
        address=f"{scheme}://{address}" if separator else address,
        obstacle=obstacle,
        exceptions=exceptions,
    )


def _host(target: str) -> str:
    """Return the host of a target in lower case."""
    return urlsplit(f"//{target}").hostname or ""


def _matches(host: str, entry: str) -> bool:
    """Return whether an entry of `no_proxy` matches a host by the end of its name, its address or its network."""
    name = entry.lower().removeprefix(".")
    if host == name or host.endswith(f".{name}"):
        return True
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return False
