"""The label spaces that the engine keeps: bounded by bytes, and no tenant pushes out those of another."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from factories.serving import make_request
from foreword.errors import CancelledError
from foreword.inference.engine.candidate_store import CandidateStore
from foreword.inference.interfaces import EngineRequest
from foreword.inference.labels.candidates import Candidates
from foreword.plugin.interfaces import LabelSpace


def asks(tenant: str, label: str, base_model: str = "tiny--bart") -> EngineRequest:
    space = LabelSpace(labels=(label,), separator=", ", multi_label=False, label_sets=())
    return make_request("Hello", tenant=tenant, base_model=base_model, label_space=space)


def make(space: LabelSpace) -> Candidates:
    return Candidates(space, lambda texts: [[*map(ord, text), 0] for text in texts])


def keep(store: CandidateStore, *requests: EngineRequest) -> None:
    for request in requests:
        store.get(request, make)


SIZE = make(asks("acme", "label 00").label_space).byte_size


def test_the_least_recently_used_labels_of_the_tenant_that_holds_the_most_are_dropped():
    store = CandidateStore(4 * SIZE)
    modest = asks("modest", "label 00")
    greedy = [asks("greedy", f"label {number:02}") for number in range(20)]
    keep(store, modest, *greedy[:3])
    store.find(greedy[0])
    keep(store, greedy[3])
    assert store.find(greedy[1]) is None
    assert store.find(greedy[0]) is not None
    keep(store, *greedy[4:])
    assert store.find(modest) is not None
    assert store.byte_size == 4 * SIZE


def test_tenants_keep_equal_shares_of_a_full_store():
    store = CandidateStore(6 * SIZE)
    keys = [asks(tenant, f"label {number:02}") for number in range(5) for tenant in ("acme", "beta", "cafe")]
    keep(store, *keys)
    kept = [key.tenant for key in keys if store.find(key) is not None]
    assert sorted(kept) == ["acme", "acme", "beta", "beta", "cafe", "cafe"]


def test_labels_of_another_tenant_or_base_model_are_not_found():
    store = CandidateStore(10 * SIZE)
    keep(store, asks("acme", "label"))
    assert store.find(asks("acme", "label")) is not None
    assert store.find(asks("beta", "label")) is None
    assert store.find(asks("acme", "label", "tiny--t5")) is None


def test_a_request_without_labels_has_none():
    store = CandidateStore(10 * SIZE)
    assert store.find(make_request("Hello")) is None
    assert store.get(make_request("Hello"), make) is None


def test_labels_that_are_larger_than_the_store_are_not_kept():
    store = CandidateStore(SIZE - 1)
    assert store.get(asks("acme", "label 00"), make).longest == 9
    assert store.byte_size == 0


def test_nothing_is_kept_of_a_preparation_that_was_cancelled():
    store, key = CandidateStore(10 * SIZE), asks("acme", "label")

    def cancelled(space: LabelSpace) -> Candidates:
        raise CancelledError("The caller no longer waits for the result.")

    with pytest.raises(CancelledError):
        store.get(key, cancelled)
    assert store.byte_size == 0
    assert store.get(key, make) is store.find(key)


def test_the_labels_of_a_base_model_are_dropped_with_it():
    store = CandidateStore(10 * SIZE)
    keep(store, asks("acme", "label"), asks("beta", "label"), asks("acme", "label", "tiny--t5"))
    store.drop("tiny--bart")
    assert store.find(asks("acme", "label")) is None
    assert store.byte_size == store.find(asks("acme", "label", "tiny--t5")).byte_size


def test_concurrent_requests_for_the_same_labels_wait_for_one_preparation():
    store, key = CandidateStore(10 * SIZE), asks("acme", "label")
    made, entered, released = [], threading.Event(), threading.Event()

    def slow(space: LabelSpace) -> Candidates:
        made.append(1)
        entered.set()
        assert released.wait(10)
        return make(space)

    with ThreadPoolExecutor(4) as threads:
        first = threads.submit(store.get, key, slow)
        assert entered.wait(10)
        others = [threads.submit(store.get, key, slow) for _ in range(3)]
        released.set()
        assert {id(other.result(10)) for other in others} == {id(first.result(10))}
    assert len(made) == 1
