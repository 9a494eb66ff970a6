"""Certificates of clients (mTLS) beside keys, with certificates of a real authority."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from factories.authorities import Authority, CertificateFiles
from factories.servers import RunningServer
from foreword.cli.application import run
from foreword.client import Client
from foreword.config import Settings
from foreword.domain.tenant import Scope
from foreword.errors import InvalidArgumentError, PermissionDeniedError, UnauthenticatedError, UnavailableError
from foreword.server.endpoint.listening import check_listening
from foreword.storage.lists.request import ListRequest
from foreword.storage.repositories.audit_log import AuditLog
from foreword.storage.repositories.tenant_lifecycle import TenantLifecycle

CLIENTS = [
    {"name": "batch", "subject": "URI:spiffe://corp/batch", "tenant": "acme", "scopes": ["write", "read"]},
    {"name": "web", "subject": "DNS:web.corp.example", "tenant": "acme", "scopes": ["infer"]},
    {"name": "ada", "subject": "CN:ada", "tenant": "globex", "scopes": ["read"]},
    {"name": "lost", "subject": "CN:lost", "tenant": "nowhere", "scopes": ["read"]},
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def authority(folder: Path) -> Authority:
    return Authority(folder)


@pytest.fixture(scope="module")
def server(start_server, authority: Authority) -> RunningServer:
    chain, key = authority.issue("server", "127.0.0.1")
    running = start_server(
        tls_certificate=chain, tls_private_key=key, tls_client_ca=authority.file, tls_clients=CLIENTS
    )
    for tenant in ("acme", "globex"):
        running.tenants.ensure_tenant(tenant)
    return running


@pytest.fixture(scope="module")
def batch(authority: Authority) -> CertificateFiles:
    return authority.issue("batch", "spiffe://corp/batch", "batch.corp.example")


def client(server: RunningServer, authority: Authority, files: CertificateFiles | None, key: str = "") -> Client:
    return Client(f"https://{server.endpoint}", key, tls=authority.file, tls_client=files, retry_seconds=0.0)


def test_a_certificate_speaks_for_its_tenant_with_its_scopes(
    server: RunningServer, authority: Authority, batch: CertificateFiles
):
    with client(server, authority, batch) as caller:
        found = caller.who_am_i()
        space = caller.create_space("by-certificate")

    assert (found.tenant, found.subject, found.api_key) == ("tenants/acme", "mtls:batch", "")
    assert found.scopes == {Scope.WRITE, Scope.READ}
    assert found.expire_time is not None
    (record,) = AuditLog(server.database).list("acme", ListRequest(filter='resource : "by-certificate"')).items
    assert space.creator == record.actor == "mtls:batch"


@pytest.mark.parametrize(
    ("names", "subject"), [(("x", "web.corp.example"), "mtls:web"), (("ada",), "mtls:ada"), (("ada", "b"), "mtls:ada")]
)
def test_a_certificate_is_known_by_any_of_its_names(
    server: RunningServer, authority: Authority, names: tuple[str, ...], subject: str
):
    with client(server, authority, authority.issue(*names)) as caller:
        assert caller.who_am_i().subject == subject


def test_a_name_of_another_kind_is_not_that_name(server: RunningServer, authority: Authority):
    """The common name `web.corp.example` is not the alternative name."""
    with (
        client(server, authority, authority.issue("web.corp.example")) as caller,
        pytest.raises(UnauthenticatedError, match=r"CN:web.corp.example.*FOREWORD_TLS_CLIENTS") as caught,
    ):
        caller.who_am_i()
    assert caught.value.reason == "CERTIFICATE_UNKNOWN"


def test_the_scopes_of_a_certificate_are_checked(server: RunningServer, authority: Authority):
    with (
        client(server, authority, authority.issue("ada")) as caller,
        pytest.raises(PermissionDeniedError, match="scope write"),
    ):
        caller.create_space("x")


def test_a_key_takes_precedence_over_the_certificate(
    server: RunningServer, authority: Authority, batch: CertificateFiles
):
    with client(server, authority, batch, server.new_key("globex", [Scope.READ])) as caller:
        assert caller.who_am_i().tenant == "tenants/globex"
    with client(server, authority, batch, "wrong") as caller, pytest.raises(UnauthenticatedError, match="key is wrong"):
        caller.who_am_i()


def test_a_client_without_a_certificate_of_the_authority_does_not_get_a_connection(
    server: RunningServer, authority: Authority, tmp_path: Path
):
    stranger = Authority(tmp_path, "stranger").issue("batch", "spiffe://corp/batch")
    for files in (None, stranger):
        expected = pytest.raises(UnavailableError, match="FOREWORD_TLS_CLIENT_CERTIFICATE")
        with client(server, authority, files, "dev") as caller, expected:
            caller.who_am_i()


def test_an_expired_certificate_is_refused_also_on_an_old_connection(server: RunningServer, authority: Authority):
    soon = authority.issue("ada", expire_time=datetime.now(UTC) + timedelta(hours=1))
    with client(server, authority, soon) as caller:
        assert caller.who_am_i().subject == "mtls:ada"
        server.pass_time(3700)
        with pytest.raises(UnauthenticatedError, match="expired") as caught:
            caller.who_am_i()
    assert caught.value.reason == "CERTIFICATE_EXPIRED"


def test_a_tenant_that_is_missing_or_suspended_is_named(server: RunningServer, authority: Authority):
    with (
        client(server, authority, authority.issue("lost")) as caller,
        pytest.raises(PermissionDeniedError, match="tenants/nowhere, which does not exist"),
    ):
        caller.who_am_i()
    with client(server, authority, authority.issue("ada")) as caller:
        caller.who_am_i()
        TenantLifecycle(server.database).suspend("globex", reason="unpaid")
        server.pass_time(1)
        with pytest.raises(PermissionDeniedError, match="unpaid"):
            caller.who_am_i()


def test_the_private_socket_needs_no_certificate(server: RunningServer):
    with Client(server.private_endpoint, "dev") as caller:
        assert caller.who_am_i().tenant == "tenants/dev"


def test_commands_take_the_certificate_from_the_environment(
    server: RunningServer,
    authority: Authority,
    batch: CertificateFiles,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.setenv("FOREWORD_ENDPOINT", f"https://{server.endpoint}")
    monkeypatch.setenv("FOREWORD_TLS_CA", str(authority.file))
    monkeypatch.setenv("FOREWORD_TLS_CLIENT_CERTIFICATE", str(batch.certificate))

    assert run(["whoami"]) == 1
    assert "FOREWORD_TLS_CLIENT_KEY" in capsys.readouterr().err
    monkeypatch.setenv("FOREWORD_TLS_CLIENT_KEY", str(batch.key))
    assert run(["whoami"]) == 0
    assert "mtls:batch" in capsys.readouterr().out
    monkeypatch.setenv("FOREWORD_TLS_CLIENT_KEY", str(batch.key.with_name("gone.pem")))
    assert run(["whoami"]) == 1
    assert "private key of the client" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "missing"),
    [({"tls_client_ca": Path("ca.pem")}, "tls_certificate"), ({"tls_clients": CLIENTS}, "tls_client_ca")],
)
def test_a_setting_that_is_missing_is_named(given: dict[str, Any], missing: str):
    with pytest.raises(InvalidArgumentError, match=rf"{missing}: must be set too \(FOREWORD_{missing.upper()}\)"):
        check_listening(Settings(**given), dev_key=False)


def test_authorities_that_cannot_be_read_are_named(start_server, authority: Authority, tmp_path: Path):
    chain, key = authority.issue("server", "127.0.0.1")
    (tmp_path / "empty.pem").touch()
    for name in ("gone.pem", "empty.pem"):
        with pytest.raises(InvalidArgumentError, match="tls_client_ca"):
            start_server(tls_certificate=chain, tls_private_key=key, tls_client_ca=tmp_path / name)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "Ada L"}, "name must have"),
        ({"subject": "ada"}, "subject must be URI"),
        ({"subject": "email:ada@corp.example"}, "subject must be URI"),
        ({"tenant": ""}, "tenant must be set"),
        ({"scopes": []}, "at least one scope"),
        ({"scopes": ["root"]}, "'admin', 'write'"),
        ({"serial": "1"}, "serial"),
    ],
)
def test_a_wrong_caller_is_named(change: dict[str, Any], said: str):
    with pytest.raises(ValueError, match=said):
        Settings(tls_clients=[{**CLIENTS[0], **change}])


def test_callers_can_be_told_apart():
    with pytest.raises(ValueError, match="different values of subject"):
        Settings(tls_clients=[CLIENTS[0], {**CLIENTS[0], "name": "other"}])
