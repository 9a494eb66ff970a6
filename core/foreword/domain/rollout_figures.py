"""What is counted during a rollout."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

_BUCKETS_PER_OCTAVE = 8
_FIRST_SECONDS = 0.001
_BUCKETS = 160
_MAX_REASONS = 8
_OTHER = "OTHER"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What was seen of one request.

    Attributes:
        seconds: Time until the answer, or until the revision was given up.
        failure: Reason of the error of a new revision that failed on a request which the stable revision could answer;
            empty if it did not.
        missed: Whether the caller has left, or its deadline has passed, while it waited for an answer.
        abstained: Whether `Classify` abstained; None for other answers and for none.
    """

    seconds: float
    failure: str = ""
    missed: bool = False
    abstained: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionFigures:
    """The requests of one revision during a rollout.

    Attributes:
        requests: Number of requests.
        errors: Number of those that it failed on although the stable revision could answer them.
        error_reasons: Number of errors of each reason, of at most eight reasons and `OTHER`.
        missed: Number of requests whose callers have waited in vain: they have left, or their deadlines have passed.
        classifications: Number of answers to `Classify`.
        abstentions: Number of those that abstained.
        latencies: Number of answers in each bucket of latency, by the number of the bucket. Eight buckets double the
            latency, and the first begins at a millisecond.
    """

    requests: int = 0
    errors: int = 0
    error_reasons: Mapping[str, int] = field(default_factory=dict)
    missed: int = 0
    classifications: int = 0
    abstentions: int = 0
    latencies: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, observations: Iterable[Observation]) -> RevisionFigures:
        """Count observations."""
        seen = tuple(observations)
        classified = [item.abstained for item in seen if item.abstained is not None]
        return cls(
            requests=len(seen),
            errors=sum(bool(item.failure) for item in seen),
            error_reasons=_bounded(Counter(item.failure for item in seen if item.failure)),
            missed=sum(item.missed for item in seen),
            classifications=len(classified),
            abstentions=sum(classified),
            latencies=Counter(str(bucket_of(item.seconds)) for item in seen if not (item.failure or item.missed)),
        )

    def plus(self, other: RevisionFigures) -> RevisionFigures:
        """Return the sum of two figures."""
        return RevisionFigures(
            requests=self.requests + other.requests,
            errors=self.errors + other.errors,
            error_reasons=_bounded(Counter(self.error_reasons) + Counter(other.error_reasons)),
            missed=self.missed + other.missed,
            classifications=self.classifications + other.classifications,
            abstentions=self.abstentions + other.abstentions,
            latencies=Counter(self.latencies) + Counter(other.latencies),
        )

    @property
    def error_ratio(self) -> float:
        """Share of the requests that failed; 0 without requests."""
        return self.errors / self.requests if self.requests else 0.0

    @property
    def missed_ratio(self) -> float:
        """Share of the requests whose callers have waited in vain; 0 without requests."""
        return self.missed / self.requests if self.requests else 0.0

    @property
    def abstention_ratio(self) -> float:
        """Share of the classifications that abstained; 0 without any."""
        return self.abstentions / self.classifications if self.classifications else 0.0

    @property
    def median_seconds(self) -> float | None:
        """Median latency, which is at most 5 % off; None without answers."""
        bucket = self.median_bucket
        return None if bucket is None else _FIRST_SECONDS * 2 ** ((bucket + 0.5) / _BUCKETS_PER_OCTAVE)

    @property
    def median_bucket(self) -> int | None:
        """Number of the bucket with the median latency; None without answers."""
        return self._bucket_at(0.5)

    @property
    def slowest_seconds(self) -> float | None:
        """Latency within which 99 % of the answers came; None without answers."""
        bucket = self._bucket_at(0.99)
        return None if bucket is None else _FIRST_SECONDS * 2 ** ((bucket + 1) / _BUCKETS_PER_OCTAVE)

    def _bucket_at(self, share: float) -> int | None:
        """Return the number of the bucket within which this share of the answers came; None without answers."""
        wanted = share * sum(self.latencies.values())
        below = 0
        for bucket in sorted(self.latencies, key=int):
            below += self.latencies[bucket]
            if below >= wanted:
                return int(bucket)
        return None

    def latency_counts(self) -> list[int]:
        """Return the number of requests of every bucket."""
        return [self.latencies.get(str(bucket), 0) for bucket in range(_BUCKETS)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowFigures:
    """The comparison of the answers of a shadow with those that were returned.

    Attributes:
        compared: Number of pairs of answers.
        agreed: Number of pairs with the same labels or the same text.
        errors: Number of requests that the shadow failed on.
        shed: Number of requests that it was not given, because the engine had no spare time.
    """

    compared: int = 0
    agreed: int = 0
    errors: int = 0
    shed: int = 0

    def plus(self, other: ShadowFigures) -> ShadowFigures:
        """Return the sum of two figures."""
        return ShadowFigures(
            compared=self.compared + other.compared,
            agreed=self.agreed + other.agreed,
            errors=self.errors + other.errors,
            shed=self.shed + other.shed,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutFigures:
    """What all servers have counted during a rollout.

    Attributes:
        candidate: Requests of the new revision as a canary.
        stable: Requests of the stable revision during a canary, except those that the candidate failed on.
        shadow: Comparisons of the new revision as a shadow.
    """

    candidate: RevisionFigures = field(default_factory=RevisionFigures)
    stable: RevisionFigures = field(default_factory=RevisionFigures)
    shadow: ShadowFigures = field(default_factory=ShadowFigures)

    def plus(self, other: RolloutFigures) -> RolloutFigures:
        """Return the sum of two figures."""
        return RolloutFigures(
            candidate=self.candidate.plus(other.candidate),
            stable=self.stable.plus(other.stable),
            shadow=self.shadow.plus(other.shadow),
        )


def _bounded(counts: Counter[str]) -> dict[str, int]:
    """Return the counts of the most frequent reasons. Plugins can invent any number of reasons."""
    own = Counter({reason: count for reason, count in counts.items() if reason != _OTHER})
    kept = dict(own.most_common(_MAX_REASONS))
    rest = counts.total() - sum(kept.values())
    return kept | {_OTHER: rest} if rest else kept


def bucket_of(seconds: float) -> int:
    """Return the number of the bucket of a latency."""
    if seconds <= _FIRST_SECONDS:
        return 0
    return min(int(_BUCKETS_PER_OCTAVE * math.log2(seconds / _FIRST_SECONDS)), _BUCKETS - 1)


def buckets_between(ratio: float) -> int:
    """Return the number of buckets that multiply a latency by at least a ratio of 1 or more."""
    return math.ceil(_BUCKETS_PER_OCTAVE * math.log2(ratio) - 1e-9)
