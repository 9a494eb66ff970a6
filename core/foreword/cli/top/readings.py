"""The metrics of all processes at one time, read from their ports, and what changed between two times."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from typing import Final
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from prometheus_client.parser import text_string_to_metric_families

from foreword.errors import InvalidArgumentError, UnavailableError

SERVER: Final = "http://127.0.0.1:9464"
WORKERS: Final = tuple(f"http://127.0.0.1:{port}" for port in (9465, 9467, 9468, 9469, 9470, 9471, 9472))
_TIMEOUT_SECONDS: Final = 5.0
_OPENER = build_opener(ProxyHandler({}))

Labels = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The samples of all processes at one time.

    Attributes:
        moment: Reading of `time.monotonic()`.
        samples: Value by process, name of the sample and labels.
    """

    moment: float
    samples: Mapping[tuple[str, str, Labels], float]

    def total(self, name: str, **labels: str) -> float:
        """Return the sum of the samples with these labels; 0 if there are none."""
        return sum(value for _, found, value in self._of(name) if found.items() >= labels.items())

    def largest(self, name: str, **labels: str) -> float:
        """Return the largest of the samples with these labels; 0 if there are none."""
        return max((value for _, found, value in self._of(name) if found.items() >= labels.items()), default=0.0)

    def values(self, name: str, label: str) -> list[str]:
        """Return the values of a label, sorted."""
        return sorted({found[label] for _, found, _ in self._of(name) if label in found})

    def processes(self, name: str) -> list[str]:
        """Return the processes that export a metric."""
        return sorted({process for process, _, _ in self._of(name)})

    def only(self, process: str) -> Reading:
        """Return the samples of one process."""
        return Reading(
            moment=self.moment, samples={key: value for key, value in self.samples.items() if key[0] == process}
        )

    def _of(self, name: str) -> Iterable[tuple[str, Mapping[str, str], float]]:
        for (process, found, labels), value in self.samples.items():
            if found == name:
                yield process, dict(labels), value


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What happened between two readings."""

    before: Reading
    now: Reading

    def rate(self, name: str, **labels: str) -> float:
        """Return what was added to counters per second. A process that was started anew counts from 0."""
        seconds = max(1e-9, self.now.moment - self.before.moment)
        added = 0.0
        for key, value in self.now.samples.items():
            if key[1] == name and set(labels.items()) <= key[2]:
                earlier = self.before.samples.get(key, 0.0)
                added += value - earlier if value >= earlier else value
        return added / seconds

    def mean(self, name: str, **labels: str) -> float | None:
        """Return the mean of what a histogram has observed in between; None if it was nothing."""
        count = self.rate(f"{name}_count", **labels)
        return self.rate(f"{name}_sum", **labels) / count if count else None

    def only(self, process: str) -> Change:
        """Return what happened in one process."""
        return Change(before=self.before.only(process), now=self.now.only(process))


def read(addresses: Sequence[str], *, required: bool) -> Reading:
    """Read the metrics of all processes.

    Args:
        required: Whether each address must answer; otherwise, the first one.

    Raises:
        InvalidArgumentError: An address is not a URL.
        UnavailableError: An address does not answer, or with something else than metrics.
    """
    samples: dict[tuple[str, str, Labels], float] = {}
    for place, address in enumerate(addresses):
        try:
            text = _text(address)
            for family in text_string_to_metric_families(text):
                for sample in family.samples:
                    samples[address, sample.name, frozenset(sample.labels.items())] = sample.value
        except (URLError, OSError, HTTPException, UnicodeDecodeError, ValueError, KeyError) as error:
            if required or place == 0:
                raise UnavailableError(
                    f"{address} serves no metrics ({getattr(error, 'reason', error)}). Start `foreword serve`, or name "
                    "the address of FOREWORD_METRICS_PORT with --metrics."
                ) from error
    return Reading(moment=time.monotonic(), samples=samples)


def _text(address: str) -> str:
    if not address.startswith(("http://", "https://")):
        raise InvalidArgumentError.of("metrics", f"must be a URL such as {SERVER}, not {address[:100]!r}")
    with _OPENER.open(f"{address.rstrip('/')}/metrics", timeout=_TIMEOUT_SECONDS) as answer:
        content: bytes = answer.read()
    return content.decode()
