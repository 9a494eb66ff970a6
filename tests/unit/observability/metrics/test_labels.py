"""Labels have a bounded number of values, whatever tenants are called and however many there are."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest

from factories.scrapes import Scrape
from foreword.observability.metrics.calls import CallMetrics
from foreword.observability.metrics.inference import InferenceMetrics
from foreword.observability.metrics.labels import (
    MOST_DEPLOYMENTS,
    MOST_REASONS,
    MOST_TENANTS,
    OTHER,
    BoundedLabel,
    DeploymentLabels,
)


def test_the_first_values_are_kept_and_later_ones_are_other():
    label = BoundedLabel(2)

    assert [label(value) for value in ("a", "b", "c", "a", "d")] == ["a", "b", OTHER, "a", OTHER]


def test_tenants_and_reasons_beyond_the_bound_share_one_series():
    registry = CollectorRegistry()
    metrics = CallMetrics(registry)
    for number in range(3 * MOST_TENANTS):
        metrics.ended(rpc="S/M", code="NOT_FOUND", tenant=f"t{number}", reason=f"R{number}", seconds=0.1)
    scraped = Scrape(generate_latest(registry).decode())

    assert len(scraped.labels("foreword_tenant_requests_total", "tenant")) == MOST_TENANTS + 1
    assert scraped.value("foreword_tenant_requests_total", tenant=OTHER) == 2 * MOST_TENANTS
    assert len(scraped.labels("foreword_rejected_total", "reason")) == MOST_REASONS + 1


def test_deployments_of_one_name_in_several_tenants_count_apart_and_one_tenant_cannot_make_series_without_end():
    registry = CollectorRegistry()
    metrics = InferenceMetrics(registry, DeploymentLabels())
    for tenant in ("one", "two"):
        metrics.ended(tenant=tenant, deployment="complaints", outcome="ok")
    for number in range(2 * MOST_DEPLOYMENTS):
        metrics.ended(tenant="one", deployment=f"d{number}", outcome="ok")
        metrics.used(tenant="one", deployment=f"d{number}", input=3, soft_prompt=0, generated=1)
    scraped = Scrape(generate_latest(registry).decode())

    assert scraped.value("foreword_inference_requests_total", tenant="two", deployment="complaints") == 1
    assert len(scraped.labels("foreword_inference_requests_total", "deployment")) <= MOST_DEPLOYMENTS + 1
    assert scraped.value("foreword_tokens_total", direction="input") == 6 * MOST_DEPLOYMENTS
