"""URLs of webhooks that a hostile tenant tries."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreword.config import Settings
from foreword.errors import InvalidArgumentError
from foreword.server.webhooks.target import Target, WebhookRules, parse_target

STRICT = WebhookRules.of(Settings())
OPEN = WebhookRules.of(
    Settings(webhook_allow_http=True, webhook_ports=("80-9000",), webhook_allowed_networks=("127.0.0.0/8", "::1"))
)

REFUSED = {
    "no TLS": ("http://example.com/", "begin with https://"),
    "another protocol": ("ftp://example.com/", "begin with https://"),
    "a file": ("file:///etc/passwd", "begin with https://"),
    "gopher": ("gopher://127.0.0.1:6379/_FLUSHALL", "begin with https://"),
    "no URL": ("example.com/hooks", "begin with https://"),
    "nothing": ("", "must be set"),
    "no host": ("https:///hooks", "host"),
    "a user": ("https://user:S3kret@example.com/", "user or a password"),
    "a user that looks like a host": ("https://example.com@127.0.0.1/", "user or a password"),
    "a fragment": ("https://example.com/#x", "fragment"),
    "a line break": ("https://example.com/\r\nX-Admin: 1", "ASCII"),
    "a space": ("https://example.com/a b", "ASCII"),
    "a tab": ("https://exa\tmple.com/", "ASCII"),
    "NUL": ("https://example.com/\x00", "ASCII"),
    "a backslash": ("https://example.com\\@127.0.0.1/", "backslashes"),
    "letters of another script": ("https://exаmple.com/", "ASCII"),
    "full-width digits": ("https://１２７.0.0.1/", "ASCII"),
    "an address of this machine": ("https://127.0.0.1/", "not public"),
    "one in IPv6": ("https://[::1]/", "not public"),
    "one that is mapped": ("https://[::ffff:127.0.0.1]/", "not public"),
    "the metadata service": ("https://169.254.169.254/latest/meta-data/", "not public"),
    "a zone": ("https://[fe80::1%25eth0]/", "not public"),
    "a decimal address": ("https://2130706433/", "host name"),
    "a hexadecimal address": ("https://0x7f000001/", "host name"),
    "an octal address": ("https://0177.0.0.1/", "host name"),
    "a short address": ("https://127.1/", "host name"),
    "an address with a dot at its end": ("https://127.0.0.1./", "host name"),
    "a percent sign in the host": ("https://%31%32%37.0.0.1/", "host name"),
    "a bracket after an address": ("https://[2606:4700::1]evil.com/", "a host and at most a port"),
    "an empty label": ("https://a..example.com/", "host name"),
    "a long label": (f"https://{'a' * 64}.com/", "host name"),
    "a long name": (f"https://{'a.' * 130}com/", "host name"),
    "the port of a database": ("https://example.com:5432/", "one of the ports 443, 8443, not 5432"),
    "SSH": ("https://example.com:22/", "one of the ports"),
    "a port beyond all": ("https://example.com:65536/", "must be a URL"),
    "no number as port": ("https://example.com:https/", "must be a URL"),
    "an empty port": ("https://example.com:/", "a host and at most a port"),
    "a long URL": ("https://example.com/" + "x" * 2_000, "at most 2,000"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_url_that_is_not_allowed_is_refused_without_being_quoted(kind: str):
    url, problem = REFUSED[kind]

    with pytest.raises(InvalidArgumentError) as caught:
        parse_target(url, STRICT)

    (violation,) = caught.value.violations
    assert violation.field == "webhook.url"
    assert problem in violation.description
    assert "S3kret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "target", "authority"),
    [
        ("https://example.com", Target(scheme="https", host="example.com", port=443, path="/"), "example.com"),
        (
            "https://Hooks.Example.com:8443/a/b?key=%20c&d=e",
            Target(scheme="https", host="hooks.example.com", port=8443, path="/a/b?key=%20c&d=e"),
            "hooks.example.com:8443",
        ),
        ("https://1.1.1.1/", Target(scheme="https", host="1.1.1.1", port=443, path="/"), "1.1.1.1"),
        (
            "https://[2606:4700:0::1]:8443/x",
            Target(scheme="https", host="2606:4700::1", port=8443, path="/x"),
            "[2606:4700::1]:8443",
        ),
        ("https://xn--bcher-kva.example/", Target(scheme="https", host="xn--bcher-kva.example", port=443, path="/"),
         "xn--bcher-kva.example"),
    ],
)  # fmt: skip
def test_a_url_that_is_allowed_has_its_parts(url: str, target: Target, authority: str):
    found = parse_target(url, STRICT)

    assert found == target
    assert found.authority == authority


def test_the_operator_can_allow_http_ports_and_networks():
    assert parse_target("http://127.0.0.1:8000/hooks", OPEN).port == 8000
    assert parse_target("http://[::1]/", OPEN).port == 80
    with pytest.raises(InvalidArgumentError, match="80-9000"):
        parse_target("http://127.0.0.1:9001/", OPEN)
    with pytest.raises(InvalidArgumentError, match="not public"):
        parse_target("http://10.0.0.1/", OPEN)


@given(st.text(max_size=60).map(lambda text: f"https://{text}"))
def test_no_url_breaks_the_parser_or_slips_a_line_into_a_header(url: str):
    try:
        target = parse_target(url, STRICT)
    except InvalidArgumentError:
        return
    assert (target.authority + target.path).isascii()
    assert (target.authority + target.path).isprintable()
    assert " " not in target.authority + target.path


@pytest.mark.parametrize("ports", ["0", "70000", "9-8", "x", "1-2-3", "-"])
def test_ports_that_are_none_are_refused_in_the_settings(ports: str):
    with pytest.raises(ValueError, match="must hold ports or ranges"):
        Settings(webhook_ports=(ports,))


@pytest.mark.parametrize("proxy", ["proxy:3128", "https://proxy:3128", "http://proxy", "http://:3128", "http://p:x"])
def test_a_proxy_that_is_none_is_refused_in_the_settings(proxy: str):
    with pytest.raises(ValueError, match="must be a URL such as http://proxy"):
        Settings(webhook_proxy=proxy)
