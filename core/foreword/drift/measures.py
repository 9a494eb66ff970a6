"""The measures of drift, and their verdicts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final

import numpy as np

from foreword.domain.capture import CapturedRequest
from foreword.domain.drift import MIN_REQUESTS, DriftChange, DriftKind, DriftMeasure, DriftVerdict, TrainingSample
from foreword.drift.distances import Distance, Floats, difference, divergence
from foreword.drift.text_features import NUM_BUCKETS, bucket_of, words_of

MIN_REFERENCE: Final = 30
"""Rows or answers to compare with, without which there is no verdict."""

MAX_P_VALUE: Final = 0.001
"""Largest probability of a distance by chance with which it counts. Small, because it is measured again and again."""

_DIVERGENCE_TOLERANCE: Final = 0.02
"""In bits. About what a tenth of new inputs makes, and a population stability index of 0.1."""
_TOLERANCES: Final = {
    DriftKind.INPUT_LENGTH: _DIVERGENCE_TOLERANCE,
    DriftKind.INPUT_WORDS: _DIVERGENCE_TOLERANCE,
    DriftKind.ANSWERS: _DIVERGENCE_TOLERANCE,
    DriftKind.CONFIDENCE: 0.05,
    DriftKind.ABSTENTION: 0.1,
}
_MOST_CHANGES: Final = 5
_MIN_CHANGED_REQUESTS: Final = 5
"""Requests with a word or a label set without which it is not named."""
_MAX_NAME: Final = 80

HeldOutAnswers = Sequence[tuple[tuple[str, ...], float]]
"""The labels of held-out answers, with their probabilities."""
Check = Callable[[], None]


def measure(
    requests: Sequence[CapturedRequest],
    sample: TrainingSample | None,
    held_out: HeldOutAnswers,
    *,
    has_labels: bool,
    check: Check = lambda: None,
) -> tuple[DriftMeasure, ...]:
    """Compare the requests of a model with its training data.

    Args:
        requests: Captured requests, all answered by the model.
        sample: Its training rows; None if they are not known any more.
        held_out: Its held-out answers; empty if none are known.
        has_labels: Whether it answers with labels. Otherwise only inputs are compared.
        check: Called many times a second; raises an error to stop.
    """
    measures = [_input_lengths(requests, sample, check), _input_words(requests, sample, check)]
    if has_labels:
        labelled = [item for item in requests if item.seen.labels is not None]
        scored = [item for item in requests if item.seen.probability is not None]
        measures += [
            _answers(labelled, sample, held_out, check),
            _confidence(scored, held_out, check),
            _abstention(scored, held_out, check),
        ]
    return tuple(measures)


def _input_lengths(requests: Sequence[CapturedRequest], sample: TrainingSample | None, check: Check) -> DriftMeasure:
    reference = [] if sample is None else sample.input_lengths
    lengths = [len(item.seen.input) for item in requests]
    early = _no_verdict(DriftKind.INPUT_LENGTH, len(lengths), len(reference))
    if early is not None:
        return early
    # The tenths of the reference, and what is clearly shorter or longer than all of it.
    tenths = np.quantile(reference, np.linspace(0.1, 0.9, 9))
    edges = np.unique(np.ceil([0.9 * min(reference), *tenths, 1.1 * max(reference) + 1]))
    first_NK, second_MK = (_one_hot(np.digitize(values, edges), len(edges) + 1) for values in (reference, lengths))
    bounds = [0, *(int(edge) for edge in edges)]
    names = [f"{low:,} to {high - 1:,} characters" for low, high in pairwise(bounds)]
    names.append(f"{bounds[-1]:,} characters and more")
    distance = divergence(first_NK, second_MK, check)
    return _judged(DriftKind.INPUT_LENGTH, distance, first_NK, second_MK, names)


def _input_words(requests: Sequence[CapturedRequest], sample: TrainingSample | None, check: Check) -> DriftMeasure:
    reference = [] if sample is None else sample.input_buckets
    early = _no_verdict(DriftKind.INPUT_WORDS, len(requests), len(reference))
    if early is not None:
        return early
    first_NK = np.zeros((len(reference), NUM_BUCKETS))
    for place, buckets in enumerate(reference):
        first_NK[place, buckets] = 1
    second_MK = np.zeros((len(requests), NUM_BUCKETS))
    counts: Counter[str] = Counter()
    for place, item in enumerate(requests):
        check()
        words = words_of(item.seen.input)
        counts.update(words)
        second_MK[place, [bucket_of(word) for word in words]] = 1
    names = [""] * NUM_BUCKETS
    for word, count in reversed(counts.most_common()):  # the most frequent word of a bucket names it
        if count >= _MIN_CHANGED_REQUESTS:
            names[bucket_of(word)] = word
    distance = divergence(first_NK, second_MK, check)
    return _judged(DriftKind.INPUT_WORDS, distance, first_NK, second_MK, names)


def _answers(
    requests: Sequence[CapturedRequest], sample: TrainingSample | None, held_out: HeldOutAnswers, check: Check
) -> DriftMeasure:
    texts = {item.seen.labels or (): item.seen.output for item in requests}
    reference = [texts.get(labels, ", ".join(labels)) for labels, _ in held_out]
    if len(reference) < MIN_REFERENCE and sample is not None:
        reference = sample.labels
    answers = [item.seen.output for item in requests]
    early = _no_verdict(DriftKind.ANSWERS, len(answers), len(reference))
    if early is not None:
        return early
    names = sorted({*reference, *answers})
    place = {name: number for number, name in enumerate(names)}
    first_NK, second_MK = (
        _one_hot(np.array([place[name] for name in values]), len(names)) for values in (reference, answers)
    )
    distance = divergence(first_NK, second_MK, check)
    return _judged(DriftKind.ANSWERS, distance, first_NK, second_MK, names)


def _confidence(requests: Sequence[CapturedRequest], held_out: HeldOutAnswers, check: Check) -> DriftMeasure:
    early = _no_verdict(DriftKind.CONFIDENCE, len(requests), len(held_out))
    if early is not None:
        return early
    reference_N = np.array([probability for _, probability in held_out])
    requests_M = np.array([item.seen.probability for item in requests], dtype=np.float64)
    return _judged(DriftKind.CONFIDENCE, difference(reference_N, requests_M, check), reference_N, requests_M)


def _abstention(requests: Sequence[CapturedRequest], held_out: HeldOutAnswers, check: Check) -> DriftMeasure:
    """Compare how often answers abstain with how often the held-out answers would have, by the same thresholds."""
    early = _no_verdict(DriftKind.ABSTENTION, len(requests), len(held_out))
    if early is not None:
        return early
    thresholds_M = np.array([np.inf if item.seen.threshold is None else item.seen.threshold for item in requests])
    probabilities = np.sort([probability for _, probability in held_out])
    # For each held-out answer, the share of the requests whose threshold it would not have reached.
    reference_N = 1 - np.searchsorted(np.sort(thresholds_M), probabilities, side="right") / len(thresholds_M)
    requests_M = np.array([bool(item.seen.abstained) for item in requests], dtype=np.float64)
    distance = difference(reference_N, requests_M, check, are_shares=True)
    return _judged(DriftKind.ABSTENTION, distance, reference_N, requests_M)


def _no_verdict(kind: DriftKind, request_count: int, reference_count: int) -> DriftMeasure | None:
    """Return the measure of samples that are too small; None if they suffice."""
    if request_count >= MIN_REQUESTS and reference_count >= MIN_REFERENCE:
        return None
    return DriftMeasure(
        kind=kind,
        verdict=DriftVerdict.NOT_ENOUGH if reference_count else DriftVerdict.NO_REFERENCE,
        request_count=request_count,
        reference_count=reference_count,
        tolerance=_TOLERANCES[kind],
    )


def _judged(
    kind: DriftKind, distance: Distance, reference: Floats, requests: Floats, names: Sequence[str] = ()
) -> DriftMeasure:
    """Return the measure of a distance.

    Args:
        names: Names of the categories of a divergence; an empty one is never shown. A difference has none.
    """
    tolerance = _TOLERANCES[kind]
    is_large = distance.value > tolerance or (not names and distance.value < -tolerance)
    drifted = is_large and distance.p_value <= MAX_P_VALUE
    if names:
        shares = [values.sum(axis=0) / max(1.0, float(values.sum())) for values in (reference, requests)]
        by_row = [values.mean(axis=0) for values in (reference, requests)] if kind is DriftKind.INPUT_WORDS else shares
        changes = _changes(names, *by_row)
    else:
        changes = (
            DriftChange(name="mean", reference_share=float(reference.mean()), request_share=float(requests.mean())),
        )
    return DriftMeasure(
        kind=kind,
        verdict=DriftVerdict.DRIFTED if drifted else DriftVerdict.STABLE,
        request_count=len(requests),
        reference_count=len(reference),
        value=distance.value,
        lower=distance.lower,
        upper=distance.upper,
        p_value=distance.p_value,
        tolerance=tolerance,
        changes=changes,
    )


def _changes(names: Sequence[str], reference_K: Floats, requests_K: Floats) -> tuple[DriftChange, ...]:
    """Return the categories whose shares differ most."""
    order = np.argsort(-np.abs(requests_K - reference_K))
    found = [
        DriftChange(
            name=names[place][:_MAX_NAME],
            reference_share=float(reference_K[place]),
            request_share=float(requests_K[place]),
        )
        for place in order
        if names[place] and requests_K[place] != reference_K[place]
    ]
    return tuple(found[:_MOST_CHANGES])


def _one_hot(places: np.ndarray[tuple[int, ...], np.dtype[np.int64]], count: int) -> Floats:
    return np.eye(count)[places]
