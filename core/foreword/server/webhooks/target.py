"""The URLs of webhooks: their parts, and the rules that they must meet before anything is resolved."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from foreword.config import Settings
from foreword.domain.webhook import MAX_URL_CHARACTERS
from foreword.errors import InvalidArgumentError
from foreword.server.webhooks.addresses import Network, is_allowed, parse_address, parse_networks

_CHARACTERS: Final = re.compile(r"[!-~]+")
_NAME: Final = re.compile(r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")
_NUMBER: Final = re.compile(r"(\d+|0x[0-9a-f]*)")
_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookRules:
    """What the operator allows.

    Attributes:
        allow_http: Whether events may be sent without TLS.
        ports: First and last port of each range that webhooks may name.
        networks: Networks that webhooks may reach although they are not public.
    """

    allow_http: bool
    ports: tuple[tuple[int, int], ...]
    networks: tuple[Network, ...]

    @classmethod
    def of(cls, settings: Settings) -> WebhookRules:
        """Return the rules in the settings."""
        return cls(
            allow_http=settings.webhook_allow_http,
            ports=tuple(parse_ports(text) for text in settings.webhook_ports),
            networks=parse_networks(settings.webhook_allowed_networks),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The parts of a URL.

    Attributes:
        host: A name in lower case, or an address without brackets.
        path: Path and query.
    """

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Host and port for the header `Host`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def parse_ports(text: str) -> tuple[int, int]:
    """Return the first and the last port of `443` or `8000-8999`, which the settings have checked."""
    first, _, last = text.partition("-")
    return int(first), int(last or first)


def parse_target(url: str, rules: WebhookRules, field: str = "webhook.url") -> Target:
    """Return the parts of a URL that meets the rules. Names are not resolved; see `ReceiverClient`.

    Args:
        field: Request field with the URL, for the error.

    Raises:
        InvalidArgumentError: It is not a URL to send events to. The error never quotes it, because it may hold a key.
    """
    if not url:
        raise InvalidArgumentError.of(field, "must be set to the URL of the receiver")
    if len(url) > MAX_URL_CHARACTERS:
        raise InvalidArgumentError.of(field, f"must have at most {MAX_URL_CHARACTERS:,} characters, not {len(url):,}")
    if _CHARACTERS.fullmatch(url) is None or "\\" in url:
        raise InvalidArgumentError.of(
            field, "must consist of ASCII without spaces and backslashes; write other characters as %XX or xn--"
        )
    schemes = ("https", "http") if rules.allow_http else ("https",)
    parts, port = _split(url, field)
    if parts.scheme not in schemes:
        raise InvalidArgumentError.of(field, f"must begin with {' or '.join(f'{scheme}://' for scheme in schemes)}")
    if "@" in parts.netloc:
        raise InvalidArgumentError.of(field, "must not hold a user or a password; events are signed instead")
    if "#" in url:
        raise InvalidArgumentError.of(field, "must not have a fragment (#), which no receiver would see")
    host = _host(parts, rules, field)
    port = _PORTS[parts.scheme] if port is None else port
    if not any(first <= port <= last for first, last in rules.ports):
        raise InvalidArgumentError.of(field, f"must have one of the ports {_shown(rules.ports)}, not {port}")
    path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    return Target(scheme=parts.scheme, host=host, port=port, path=path)


def _split(url: str, field: str) -> tuple[SplitResult, int | None]:
    try:
        parts = urlsplit(url)
        return parts, parts.port
    except ValueError:
        raise InvalidArgumentError.of(field, "must be a URL such as https://example.com/hooks") from None


def _host(parts: SplitResult, rules: WebhookRules, field: str) -> str:
    host = (parts.hostname or "").lower()
    written = f"[{host}]" if ":" in host else host
    if parts.netloc.lower() not in (written, f"{written}:{parts.port}"):
        raise InvalidArgumentError.of(field, "must have a host and at most a port between // and the next /")
    address = parse_address(host)
    if address is not None:
        if "%" in host or not is_allowed(address, rules.networks):
            raise InvalidArgumentError.of(
                field, "must not have an address that is not public, such as a private one or that of this machine"
            )
        return str(address)
    last = host.rsplit(".", 1)[-1]
    # `127.1`, `0x7f000001` and `2130706433` are addresses to resolvers.
    if _NAME.fullmatch(host) is None or _NUMBER.fullmatch(last) is not None:
        raise InvalidArgumentError.of(field, "must have a host name such as hooks.example.com, or an IP address")
    return host


def _shown(ports: Sequence[tuple[int, int]]) -> str:
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in ports) or "(none)"
