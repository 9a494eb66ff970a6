from __future__ import annotations

from foreword.turns.fair_queue import FairQueue


def test_tenants_get_equal_shares_of_tokens_for_any_sizes_of_requests():
    queue: FairQueue[str] = FairQueue()
    for number in range(20):
        queue.push("greedy", f"greedy{number}", 10)
    for number in range(2):
        queue.push("modest", f"modest{number}", 10)

    assert sorted(queue.pop(40, 10)) == ["greedy0", "greedy1", "modest0", "modest1"]


def test_a_tenant_that_was_idle_does_not_make_up_for_it():
    queue: FairQueue[str] = FairQueue()
    for number in range(10):
        queue.push("busy", f"busy{number}", 10)
    queue.pop(60, 10)
    for number in range(10):
        queue.push("late", f"late{number}", 10)

    served = queue.pop(40, 10)

    assert sum(item.startswith("late") for item in served) <= 3


def test_one_item_of_any_size_is_popped_and_none_if_there_is_no_room():
    queue: FairQueue[str] = FairQueue()
    queue.push("acme", "large", 1000)
    assert queue.pop(10, 0) == []
    assert queue.pop(10, 5) == ["large"]
    assert queue.pop(10, 5) == []


def test_later_tokens_of_an_item_count_for_the_share_of_its_tenant_but_not_for_the_limit():
    queue: FairQueue[str] = FairQueue()
    for number in range(4):
        queue.push("greedy", f"greedy{number}", 100, first=10)
        queue.push("modest", f"modest{number}", 50, first=10)

    assert queue.pop(30, 10) == ["greedy0", "modest0", "modest1"]
    assert queue.pop(30, 10) == ["greedy1", "modest2", "modest3"]


def test_items_can_be_removed_at_any_position():
    queue: FairQueue[int] = FairQueue()
    for number in range(6):
        queue.push("acme", number, 1)
    assert queue.remove(lambda item: item % 2 == 0) == [0, 2, 4]
    assert len(queue) == 3
    assert queue.pop(100, 100) == [1, 3, 5]


def test_a_correction_of_the_cost_makes_a_tenant_wait_longer():
    queue: FairQueue[str] = FairQueue()
    for tenant in ("hasty", "honest"):
        for number in range(6):
            queue.push(tenant, f"{tenant}{number}", 1)

    assert queue.pop(2, 2) == ["hasty0", "honest0"]
    queue.charge("hasty", 3)
    assert queue.pop(4, 4) == ["honest1", "honest2", "honest3", "hasty1"]


def test_work_done_while_no_one_waited_is_no_debt():
    queue: FairQueue[str] = FairQueue()
    queue.push("early", "early0", 1)
    queue.pop(1, 1)
    queue.charge("early", 1000)
    queue.push("early", "early1", 1)
    queue.push("late", "late0", 1)
    queue.push("late", "late1", 1)

    assert queue.pop(3, 3) == ["early1", "late0", "late1"]


def test_a_tenant_that_may_not_be_served_keeps_its_place():
    queue: FairQueue[str] = FairQueue()
    for number in range(3):
        queue.push("blocked", f"blocked{number}", 1)
        queue.push("free", f"free{number}", 1)

    assert queue.pop_next(lambda tenant: tenant == "free") == ("free", "free0")
    assert queue.pop_next(lambda tenant: tenant == "free") == ("free", "free1")
    assert queue.pop_next(lambda _: False) is None
    assert queue.pop(3, 3) == ["blocked0", "blocked1", "blocked2"]


def test_one_item_is_discarded_by_its_identity():
    queue: FairQueue[list[int]] = FairQueue()
    first, second = [1], [1]
    queue.push("acme", first, 1)
    queue.push("acme", second, 1)

    assert queue.discard("acme", second)
    assert not queue.discard("acme", second)
    assert not queue.discard("globex", first)
    assert queue.pop(5, 5)[0] is first


def test_the_rest_of_an_item_comes_before_the_others_of_its_tenant_and_after_those_of_tenants_behind():
    queue: FairQueue[str] = FairQueue()
    queue.push("greedy", "large", 10)
    queue.push("greedy", "small", 1)
    assert queue.pop(10, 1) == ["large"]
    queue.put_back("greedy", "rest", 10, first=10, taken=10)
    queue.push("modest", "other0", 6)
    queue.push("modest", "other1", 6)

    assert queue.pop(100, 9) == ["other0", "other1", "rest", "small"]


def test_an_item_that_is_put_back_in_an_empty_queue_still_counts_as_served():
    queue: FairQueue[str] = FairQueue()
    queue.push("greedy", "large", 10)
    assert queue.pop(10, 1) == ["large"]
    queue.put_back("greedy", "rest", 10, first=10, taken=10)
    queue.push("modest", "other", 6)

    assert queue.pop(100, 9) == ["other", "rest"]
