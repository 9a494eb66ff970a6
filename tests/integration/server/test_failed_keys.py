"""Limits of wrong API keys by address, over loopback."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import grpc
import pytest

from factories.api import refused
from factories.servers import RunningServer
from factories.waiting import wait_until
from foreword.domain.tenant import ApiKey, Scope, Tenant
from foreword.errors import UnauthenticatedError
from foreword.server.callers.auth import Authenticator
from foreword.server.callers.failed_keys import FailedKeys
from foreword.server.callers.last_uses import LastUses
from foreword.server.callers.open_calls import OpenCalls
from foreword.storage.repositories.key_ids import key_ids
from foreword.storage.repositories.tenants import TenantRepository
from foreword.turns.turn_pool import TurnPool
from foreword.v1 import tenant_service_pb2

WHO = tenant_service_pb2.WhoAmIRequest()
LIMIT = 5


def wrong_key(number: int) -> str:
    return f"fw_{number:016x}_{'x' * 43}"


@pytest.fixture
def server(start_server: Any) -> RunningServer:
    return start_server(max_failed_keys_per_minute=LIMIT, trusted_proxies=("127.0.0.1",))


def exhaust(server: RunningServer, *metadata: tuple[str, str]) -> None:
    who = [server.stubs(wrong_key(number)).tenants.WhoAmI for number in range(LIMIT)]
    codes = [refused(call, WHO, metadata=metadata).code for call in who]
    assert codes == [grpc.StatusCode.UNAUTHENTICATED] * LIMIT


def test_an_address_with_too_many_wrong_keys_is_told_to_wait(server: RunningServer):
    exhaust(server)
    failure = refused(server.stubs(wrong_key(99)).tenants.WhoAmI, WHO, timeout=2)

    assert failure.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert failure.reason == "TOO_MANY_FAILED_KEYS"
    assert failure.retry_seconds == pytest.approx(60 / LIMIT, abs=1)
    assert wrong_key(99) not in failure.message

    server.pass_time(61)
    assert refused(server.stubs(wrong_key(100)).tenants.WhoAmI, WHO).code is grpc.StatusCode.UNAUTHENTICATED


def test_calls_without_a_key_count_too(server: RunningServer):
    exhaust(server)
    assert refused(server.stubs(None).tenants.WhoAmI, WHO, timeout=2).code is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_key_that_was_used_before_works_from_an_address_over_its_limit(server: RunningServer):
    stubs = server.stubs(server.new_key("acme"))
    stubs.tenants.WhoAmI(WHO)
    exhaust(server)
    server.pass_time(2)  # so that it is looked up again

    assert stubs.tenants.WhoAmI(WHO).tenant == "tenants/acme"


def test_a_new_key_works_from_an_address_over_its_limit(server: RunningServer):
    exhaust(server)

    assert server.stubs(server.new_key("acme")).tenants.WhoAmI(WHO).tenant == "tenants/acme"


def test_a_key_works_while_wrong_keys_from_many_addresses_wait_to_be_looked_up(server: RunningServer):
    released = threading.Event()

    async def flood() -> list[asyncio.Task[bool]]:
        pool = server.server._pools.strange_keys
        return [asyncio.create_task(pool.run(f"192.0.2.{number}", 0.0, released.wait, 60)) for number in range(250)]

    waiting = server._loop.run(flood())

    assert server.stubs(server.new_key("acme")).tenants.WhoAmI(WHO, timeout=30).tenant == "tenants/acme"

    released.set()
    wait_until(lambda: all(task.done() for task in waiting))


def test_wrong_keys_are_looked_up_apart_from_those_that_the_service_has_created(server: RunningServer):
    charged: list[str] = []
    pools = server.server._pools
    for name in ("keys", "strange_keys"):
        add = getattr(pools, name)._schedule.add
        getattr(pools, name)._schedule.add = lambda *call, name=name, add=add: (charged.append(name), add(*call))

    refused(server.stubs(wrong_key(1)).tenants.WhoAmI, WHO)
    assert charged == ["strange_keys"]
    server.stubs(server.new_key("acme")).tenants.WhoAmI(WHO)
    assert charged == ["strange_keys", "keys"]


def test_clients_behind_a_trusted_proxy_have_limits_of_their_own(server: RunningServer):
    who = server.stubs(wrong_key(0)).tenants.WhoAmI
    exhaust(server, ("x-forwarded-for", "198.51.100.7"))

    forged = (("x-forwarded-for", "203.0.113.1"), ("x-forwarded-for", "198.51.100.7"))
    assert refused(who, WHO, metadata=forged, timeout=2).code is grpc.StatusCode.RESOURCE_EXHAUSTED
    other = (("x-forwarded-for", "203.0.113.1"),)
    assert refused(who, WHO, metadata=other).code is grpc.StatusCode.UNAUTHENTICATED
    assert refused(who, WHO).code is grpc.StatusCode.UNAUTHENTICATED


class CountingTenants(TenantRepository):
    """A repository that counts the look-ups of keys."""

    lookups = 0

    def find_key_and_tenant(self, id: str) -> tuple[ApiKey, Tenant] | None:
        self.lookups += 1
        return super().find_key_and_tenant(id)


def make_authenticator(
    tenants: TenantRepository, threads: TurnPool, failed: FailedKeys, server: RunningServer, **clock: Any
) -> Authenticator:
    return Authenticator(
        tenants,
        threads,
        failed,
        strangers=threads,
        ids=key_ids(server.database),
        calls=OpenCalls(),
        uses=LastUses(tenants, threads, server.database.now),
        **clock,
    )


async def test_unknown_and_malformed_ids_cost_few_lookups(server: RunningServer):
    tenants, threads = CountingTenants(server.database), TurnPool("keys")
    authenticator = make_authenticator(tenants, threads, FailedKeys(per_minute=1000), server)

    async def fails(key: str) -> None:
        with pytest.raises(UnauthenticatedError):
            await authenticator.authenticate(f"Bearer {key}", "192.0.2.1")

    for key in ("fw_", "fw__x", "fw_0123456789ABCDEF_" + "x" * 43, wrong_key(1)[:-1], wrong_key(1) + "x"):
        await fails(key)
    assert tenants.lookups == 0
    for _ in range(20):
        await fails(wrong_key(1))
    assert tenants.lookups == 1

    server.tenants.ensure_tenant("acme")
    _, secret = server.tenants.create_api_key("acme", "real", [Scope.READ])
    assert (await authenticator.authenticate(f"Bearer {secret}")).tenant == "acme"
    threads.close()


async def test_an_address_over_its_limit_causes_no_lookups_of_new_ids(server: RunningServer):
    tenants, threads = CountingTenants(server.database), TurnPool("keys")
    failed = FailedKeys(per_minute=1)
    authenticator = make_authenticator(tenants, threads, failed, server, clock=lambda: 0.0)
    await failed.record("192.0.2.1", 0.0)
    for number in range(20):
        with pytest.raises(UnauthenticatedError):
            await authenticator.authenticate(f"Bearer {wrong_key(number)}", "192.0.2.1")
    assert tenants.lookups == 0
    with pytest.raises(UnauthenticatedError):
        await authenticator.authenticate(f"Bearer {wrong_key(0)}", "192.0.2.2")
    assert tenants.lookups == 1
    threads.close()
