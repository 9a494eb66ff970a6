"""Tokens of OpenID Connect issuers in place of keys, checked against an issuer over real HTTP."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from factories.api import create_experiment, failure_of, refused, upload
from factories.http import running_http
from factories.issuers import AUDIENCE, Issuer, running_issuer
from factories.servers import RunningServer
from foreword.cli.application import run
from foreword.client import Client
from foreword.domain.tenant import Scope
from foreword.errors import PermissionDeniedError
from foreword.storage.lists.request import ListRequest
from foreword.storage.repositories.audit_log import AuditLog
from foreword.storage.repositories.tenant_lifecycle import TenantLifecycle
from foreword.v1 import deployment_service_pb2, tenant_pb2, tenant_service_pb2, tune_experiment_service_pb2

jwt = pytest.importorskip("jwt", reason="needs the extra oidc")

WHO = tenant_service_pb2.WhoAmIRequest()


@pytest.fixture(scope="module")
def issuers() -> Iterator[tuple[Issuer, Issuer]]:
    with running_issuer() as first, running_issuer() as second:
        yield first, second


@pytest.fixture
def issuer(issuers: tuple[Issuer, Issuer]) -> Issuer:
    return issuers[0]


@pytest.fixture(scope="module")
def server(start_server, issuers: tuple[Issuer, Issuer]) -> RunningServer:
    first, second = issuers
    running = start_server(
        oidc_issuers=[
            {"name": "main", "issuer": first.url, "audience": AUDIENCE, "tenant_claim": "tenant"},
            {
                "name": "groups",
                "issuer": second.url,
                "audience": AUDIENCE,
                "tenant_claim": "org",
                "tenants": {"4711": "acme"},
                "scopes_claim": "groups",
                "scopes": {"tuners": ["write", "read"], "operators": ["admin"]},
                "jwks_url": f"{second.url}/keys",
            },
        ],
        max_failed_keys_per_minute=10_000,
    )
    running.tenants.ensure_tenant("acme")
    return running


def who(server: RunningServer, token: str) -> Any:
    return server.stubs(token).tenants.WhoAmI(WHO)


def refusal(server: RunningServer, token: str) -> Any:
    return refused(server.stubs(token).tenants.WhoAmI, WHO)


def test_a_token_speaks_for_its_tenant_with_its_scopes(server: RunningServer, issuer: Issuer):
    token = issuer.token()
    found = who(server, token)

    assert found.tenant == "tenants/acme"
    assert (found.subject, found.api_key) == ("oidc:main:ada", "")
    assert list(found.scopes) == [2, 3]
    assert abs(found.expire_time.seconds - time.time() - 300) < 60


def test_changes_by_a_token_have_its_subject_as_creator_and_in_the_audit_log(server: RunningServer, issuer: Issuer):
    stubs = server.stubs(issuer.token(sub="grace"))
    space = stubs.deployments.CreateSpace(deployment_service_pb2.CreateSpaceRequest(space_id="by-token"))

    (record,) = AuditLog(server.database).list("acme", ListRequest(filter='resource : "by-token"')).items
    assert space.creator == record.actor == "oidc:main:grace"


def test_a_key_that_is_created_with_a_token_expires_with_it(server: RunningServer, issuer: Issuer):
    stubs = server.stubs(issuer.token(scope="foreword:tenant_admin foreword:read"))
    new = {"scopes": [tenant_pb2.SCOPE_READ]}
    key = stubs.tenants.CreateApiKey(tenant_service_pb2.CreateApiKeyRequest(parent="tenants/acme", api_key=new))

    assert key.expire_time == stubs.tenants.WhoAmI(WHO).expire_time
    assert 0 < key.expire_time.seconds - time.time() < 24 * 3600


def test_a_long_subject_has_a_short_id(server: RunningServer, issuer: Issuer):
    first, second = (who(server, issuer.token(sub=f"größe {number} {'x' * 200}")).subject for number in (1, 2))

    assert len(first) <= 64
    assert first != second
    prefix, _, hash = first.rpartition(":")
    assert prefix == "oidc-sha256:main"
    assert who(server, issuer.token(sub=hash)).subject == f"oidc:main:{hash}"


@pytest.mark.parametrize(
    ("claims", "reason", "said"),
    [
        ({"exp": time.time() - 120}, "TOKEN_EXPIRED", "has expired"),
        ({"nbf": time.time() + 3600}, "TOKEN_NOT_YET_VALID", "not valid yet"),
        ({"aud": "another"}, "TOKEN_AUDIENCE_WRONG", "audience is foreword"),
        ({"aud": ["another", "third"]}, "TOKEN_AUDIENCE_WRONG", "audience is foreword"),
        ({"iss": "https://somebody.example"}, "TOKEN_ISSUER_UNKNOWN", "iss"),
        ({"iss": 7}, "TOKEN_ISSUER_UNKNOWN", "iss"),
        ({"exp": None}, "TOKEN_INVALID", "lacks the claim exp"),
        ({"sub": None}, "TOKEN_INVALID", "lacks the claim sub"),
        ({"sub": ""}, "TOKEN_INVALID", "sub"),
        ({"aud": None}, "TOKEN_INVALID", "lacks the claim aud"),
        ({"exp": 1e300}, "TOKEN_INVALID", "exp"),
        ({"filler": "x" * 5_000}, "TOKEN_INVALID", "characters"),
    ],
)
def test_a_token_that_is_not_valid_is_refused_with_the_reason(
    server: RunningServer, issuer: Issuer, claims: dict[str, Any], reason: str, said: str
):
    token = issuer.token(**claims)
    failure = refusal(server, token)

    assert failure.code is grpc.StatusCode.UNAUTHENTICATED
    assert (failure.reason, said in failure.message) == (reason, True), failure.message
    assert token not in failure.message


def test_a_token_may_last_until_the_end_of_the_calendar(server: RunningServer, issuer: Issuer):
    assert who(server, issuer.token(exp=253_402_300_799)).tenant == "tenants/acme"


def test_a_clock_that_is_a_little_wrong_does_not_matter(server: RunningServer, issuer: Issuer):
    assert who(server, issuer.token(exp=time.time() - 10)).tenant == "tenants/acme"
    assert who(server, issuer.token(nbf=time.time() + 10)).tenant == "tenants/acme"


def test_a_token_is_refused_when_it_expires_also_after_it_was_checked(start_server, issuer: Issuer):
    server = start_server(
        oidc_issuers=[{"name": "main", "issuer": issuer.url, "audience": AUDIENCE, "tenant": "acme"}],
        oidc_clock_skew_seconds=0,
    )
    server.tenants.ensure_tenant("acme")
    token = issuer.token(exp=time.time() + 30)
    assert who(server, token).tenant == "tenants/acme"

    server.pass_time(40)

    assert refusal(server, token).reason == "TOKEN_EXPIRED"


def test_a_running_call_ends_when_its_token_expires_and_that_of_another_token_goes_on(start_server, issuer: Issuer):
    server = start_server(
        oidc_issuers=[{"name": "main", "issuer": issuer.url, "audience": AUDIENCE, "tenant": "acme"}],
    )
    server.tenants.ensure_tenant("acme")
    short, long = (server.stubs(issuer.token(exp=time.time() + seconds)) for seconds in (60, 600))
    experiment = create_experiment(short, upload(short).name)
    request = tune_experiment_service_pb2.WatchTuneExperimentRequest(name=experiment.name)
    ending, lasting = (stubs.experiments.WatchTuneExperiment(request) for stubs in (short, long))
    next(ending)
    next(lasting)

    server.pass_time(120)

    with pytest.raises(grpc.RpcError) as caught:
        list(ending)
    assert failure_of(caught.value).reason == "TOKEN_EXPIRED"
    assert lasting.is_active()
    lasting.cancel()


@pytest.mark.parametrize("header", [{"alg": "none"}, {"alg": "HS256"}, {"alg": "HS512"}, {"alg": None}])
def test_algorithms_without_a_private_key_are_refused(server: RunningServer, issuer: Issuer, header: dict[str, Any]):
    """The classic attack signs with HS256 and the public key as the secret."""
    _, claims, signature = issuer.token().split(".")
    forged = base64.urlsafe_b64encode(json.dumps({**header, "kid": "first"}).encode()).rstrip(b"=").decode()
    for last in ("", signature):
        assert refusal(server, f"{forged}.{claims}.{last}").reason == "TOKEN_INVALID"


def test_a_forged_token_is_refused(server: RunningServer, issuer: Issuer):
    other = rsa.generate_private_key(65537, 2048)
    claims = jwt.decode(issuer.token(), options={"verify_signature": False})
    forged = jwt.encode(claims, other, algorithm="RS256", headers={"kid": "first"})
    weak = jwt.encode(claims, issuer.keys["first"][1], algorithm="RS512", headers={"kid": "first"})

    assert "wrong signature" in refusal(server, forged).message
    assert "another algorithm" in refusal(server, weak).message
    unknown = jwt.encode(claims, other, algorithm="RS256", headers={"kid": "x"})
    assert refusal(server, unknown).reason == "TOKEN_KEY_UNKNOWN"
    for token in ("a.b.c", "..", f"{issuer.token()}x", "eyJ9.eyJ9.x"):
        assert refusal(server, token).code is grpc.StatusCode.UNAUTHENTICATED


def test_keys_can_be_rotated_and_unknown_keys_are_fetched_once_in_an_interval(start_server, issuer: Issuer):
    with running_issuer() as rotating:
        server = start_server(
            oidc_issuers=[{"name": "main", "issuer": rotating.url, "audience": AUDIENCE, "tenant": "acme"}]
        )
        server.tenants.ensure_tenant("acme")
        old = rotating.token()
        assert who(server, old).tenant == "tenants/acme"
        for algorithm in ("ES256", "EdDSA"):
            rotating.rotate(f"new-{algorithm}", algorithm)
            server.pass_time(31)
            assert who(server, rotating.token()).tenant == "tenants/acme"
        fetched = len(rotating.requests)
        other = rsa.generate_private_key(65537, 2048)
        for number in range(20):
            claims = jwt.decode(old, options={"verify_signature": False})
            forged = jwt.encode(claims, other, algorithm="RS256", headers={"kid": f"invented-{number}"})
            assert refusal(server, forged).reason == "TOKEN_KEY_UNKNOWN"

        assert len(rotating.requests) == fetched, "less than 30 seconds ago"
        server.pass_time(61)
        assert refusal(server, old).reason == "TOKEN_KEY_UNKNOWN", "its key was withdrawn"


def test_an_issuer_that_fails_is_no_reason_to_refuse_known_keys(start_server):
    with running_issuer() as failing:
        failing.status = 500
        server = start_server(
            oidc_issuers=[{"name": "main", "issuer": failing.url, "audience": AUDIENCE, "tenant": "acme"}]
        )
        server.tenants.ensure_tenant("acme")
        failure = refusal(server, failing.token())
        assert (failure.code, failure.reason) == (grpc.StatusCode.UNAVAILABLE, "ISSUER_UNAVAILABLE")
        failing.status = 200
        server.pass_time(31)
        assert who(server, failing.token()).tenant == "tenants/acme"

        failing.status = 500
        server.pass_time(1000)
        assert who(server, failing.token(exp=time.time() + 5000)).tenant == "tenants/acme"
        server.pass_time(90_000)
        assert refusal(server, failing.token(exp=time.time() + 200_000)).reason == "ISSUER_UNAVAILABLE"


def test_metadata_of_another_issuer_is_not_used(start_server):
    with running_issuer() as lying:
        lying.announced = "https://somebody.example"
        server = start_server(
            oidc_issuers=[{"name": "main", "issuer": lying.url, "audience": AUDIENCE, "tenant": "acme"}]
        )

        assert refusal(server, lying.token()).reason == "ISSUER_UNAVAILABLE"


def test_claims_are_mapped_to_tenant_and_scopes(server: RunningServer, issuers: tuple[Issuer, Issuer]):
    mapped = issuers[1]

    found = who(server, mapped.token(org="4711", groups=["tuners", "others", 7]))
    assert (found.tenant, list(found.scopes)) == ("tenants/acme", [2, 3])
    operator = server.stubs(mapped.token(org="4711", groups=["operators"]))
    assert operator.tenants.ListTenants(tenant_service_pb2.ListTenantsRequest()).tenants


@pytest.mark.parametrize(
    ("number", "claims", "reason"),
    [
        (0, {"tenant": None}, "TOKEN_WITHOUT_TENANT"),
        (0, {"tenant": "no id"}, "TOKEN_WITHOUT_TENANT"),
        (0, {"tenant": ["acme"]}, "TOKEN_WITHOUT_TENANT"),
        (0, {"tenant": "missing"}, "CREDENTIAL_TENANT_UNKNOWN"),
        (0, {"scope": "openid"}, "TOKEN_WITHOUT_SCOPE"),
        (0, {"scope": "foreword:admin"}, "TOKEN_WITHOUT_SCOPE"),
        (0, {"scope": 7}, "TOKEN_WITHOUT_SCOPE"),
        (1, {"org": "acme", "groups": ["tuners"]}, "TOKEN_WITHOUT_TENANT"),
        (1, {"org": "4711", "groups": ["foreword:read"]}, "TOKEN_WITHOUT_SCOPE"),
    ],
)
def test_a_token_that_grants_nothing_is_refused(
    server: RunningServer, issuers: tuple[Issuer, Issuer], number: int, claims: dict[str, Any], reason: str
):
    failure = refusal(server, issuers[number].token(**claims))

    assert (failure.code, failure.reason) == (grpc.StatusCode.PERMISSION_DENIED, reason)


def test_a_token_of_one_issuer_is_not_that_of_another(server: RunningServer, issuers: tuple[Issuer, Issuer]):
    """Both publish a key with the same id."""
    first, second = issuers

    assert refusal(server, first.token(iss=second.url)).reason == "TOKEN_INVALID"


def test_tokens_of_a_suspended_tenant_are_refused_within_a_second(server: RunningServer, issuer: Issuer):
    server.tenants.ensure_tenant("suspended")
    token = issuer.token(tenant="suspended")
    assert who(server, token).tenant == "tenants/suspended"

    TenantLifecycle(server.database).suspend("suspended", reason="unpaid")
    server.pass_time(1)

    assert refusal(server, token).reason == "TENANT_SUSPENDED"


def test_keys_are_accepted_beside_tokens(server: RunningServer):
    assert who(server, server.new_key("acme", [Scope.READ])).tenant == "tenants/acme"


def test_a_client_renews_its_token(server: RunningServer, issuer: Issuer):
    tokens = iter([issuer.token(sub="one"), issuer.token(sub="two")])
    with Client(server.endpoint, token=lambda: next(tokens)) as client:
        assert [client.who_am_i().subject for _ in range(2)] == ["oidc:main:one", "oidc:main:two"]

    with (
        Client(server.endpoint, issuer.token(scope="foreword:read")) as client,
        pytest.raises(PermissionDeniedError, match="scope write"),
    ):
        client.create_space("x")


def test_the_command_line_takes_a_token_as_key(
    server: RunningServer, issuer: Issuer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("FOREWORD_ENDPOINT", server.endpoint)
    monkeypatch.setenv("FOREWORD_API_KEY", issuer.token())

    assert run(["whoami"]) == 0
    shown = capsys.readouterr().out
    assert "oidc:main:ada" in shown
    assert "development" not in shown


def test_tokens_are_accepted_over_http(server: RunningServer, issuer: Issuer):
    with running_http(server) as http:
        found = http.send("GET", "/v1/models", key=issuer.token(scope="foreword:read"))
        refused_one = http.send("GET", "/v1/models", key=issuer.token(aud="x"))

    assert (found.status, refused_one.status) == (200, 401)


def test_no_token_is_logged(start_server, issuer: Issuer, capsys: pytest.CaptureFixture[str]):
    server = start_server(
        oidc_issuers=[{"name": "main", "issuer": issuer.url, "audience": AUDIENCE, "tenant": "acme"}],
        access_log=True,
    )
    server.tenants.ensure_tenant("acme")
    accepted, *others = tokens = [issuer.token(), issuer.token(aud="x"), issuer.token()[:-3] + "AAA"]
    who(server, accepted)
    for token in others:
        assert token not in refusal(server, token).message
    server.stop()

    captured = capsys.readouterr()
    logged = captured.out + captured.err
    assert "WhoAmI" in logged
    assert not any(part in logged for token in tokens for part in token.split(".")[1:])
