"""Turns of webhooks at the attempts of a server."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from foreword.domain.delivery_turns import MAX_PER_TENANT, MAX_PER_WEBHOOK, DueWebhook, share_places


def webhook(key: int, tenant: str = "acme", *, is_unproven: bool = False, under_way: int = 0) -> DueWebhook:
    return DueWebhook(key=key, tenant=tenant, is_unproven=is_unproven, under_way=under_way)


def test_tenants_share_the_places_however_many_webhooks_they_have():
    due = [*(webhook(key, "busy") for key in range(10)), webhook(20, "quiet")]

    shares = share_places(due, {}, places=4, unproven_places=4)

    assert shares[20] == 2
    assert sum(shares.values()) == 4


def test_a_webhook_and_a_tenant_have_limits_that_count_what_is_under_way():
    alone = share_places([webhook(1)], {}, places=99, unproven_places=99)
    busy = share_places([webhook(1, under_way=3)], {"acme": 3}, places=99, unproven_places=99)
    many = share_places([webhook(key) for key in range(9)], {"acme": 2}, places=99, unproven_places=99)
    full = share_places([webhook(1)], {"acme": MAX_PER_TENANT}, places=99, unproven_places=99)

    assert alone == {1: MAX_PER_WEBHOOK}
    assert busy == {1: MAX_PER_WEBHOOK - 3}
    assert sum(many.values()) == MAX_PER_TENANT - 2
    assert full == {}


def test_a_failing_webhook_gets_one_attempt_after_the_healthy_ones():
    due = [webhook(1, is_unproven=True), webhook(2)]

    assert share_places(due, {}, places=2, unproven_places=2) == {2: 1, 1: 1}
    assert share_places(due, {}, places=1, unproven_places=1) == {2: 1}
    assert share_places([webhook(1, is_unproven=True, under_way=1)], {"acme": 1}, places=9, unproven_places=9) == {}


def test_failing_webhooks_of_many_tenants_leave_places_to_the_others():
    due = [*(webhook(key, f"dead{key}", is_unproven=True) for key in range(50)), webhook(99, "alive")]

    shares = share_places(due, {}, places=10, unproven_places=3)

    assert shares[99] == MAX_PER_WEBHOOK
    assert sum(count for key, count in shares.items() if key != 99) == 3


@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.booleans(), st.integers(0, 5)), max_size=20),
    st.integers(0, 12),
    st.integers(0, 12),
)
def test_no_limit_is_exceeded_and_no_place_is_left_while_somebody_may_have_it(
    found: list[tuple[str, bool, int]], places: int, unproven_places: int
):
    due = [webhook(key, tenant, is_unproven=failing, under_way=n) for key, (tenant, failing, n) in enumerate(found)]
    under_way = Counter()
    for item in due:
        under_way[item.tenant] += item.under_way

    shares = share_places(due, under_way, places=places, unproven_places=unproven_places)

    room = {item.key: max(0, (1 if item.is_unproven else MAX_PER_WEBHOOK) - item.under_way) for item in due}
    failing = sum(count for key, count in shares.items() if due[key].is_unproven)
    of_tenant = Counter(under_way)
    for key, count in shares.items():
        of_tenant[due[key].tenant] += count
        assert 0 < count <= room[key]
    assert sum(shares.values()) <= places
    assert failing <= unproven_places
    for item in due:
        more = room[item.key] > shares.get(item.key, 0) and of_tenant[item.tenant] < MAX_PER_TENANT
        if more and sum(shares.values()) < places:
            assert item.is_unproven
            assert failing == unproven_places
    assert all(count <= max(MAX_PER_TENANT, under_way[tenant]) for tenant, count in of_tenant.items())
