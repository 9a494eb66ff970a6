"""The metrics of a process, as Prometheus would read them."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.request import ProxyHandler, build_opener

from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

_OPENER = build_opener(ProxyHandler({}))


class Scrape:
    """The samples of one scrape."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.families: list[Metric] = list(text_string_to_metric_families(text))

    def value(self, name: str, **labels: str) -> float:
        """Return the sum of the samples with these labels; 0 if there are none."""
        return sum(
            sample.value
            for sample in self._samples(name)
            if all(sample.labels.get(key) == value for key, value in labels.items())
        )

    def labels(self, name: str, label: str) -> set[str]:
        """Return the values of a label of the samples with this name."""
        return {sample.labels[label] for sample in self._samples(name)}

    def names(self) -> set[str]:
        """Return the names of all samples."""
        return {sample.name for family in self.families for sample in family.samples}

    def _samples(self, name: str) -> Iterator:
        return (sample for family in self.families for sample in family.samples if sample.name == name)


def scrape(port: int | None) -> Scrape:
    """Read the metrics of a port on loopback."""
    assert port is not None, "the metrics are not served"
    with _OPENER.open(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        return Scrape(answer.read().decode())
