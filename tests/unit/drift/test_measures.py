from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from factories.captures import see
from foreword.domain.capture import CapturedRequest
from foreword.domain.dataset import Row
from foreword.domain.drift import DriftKind, DriftMeasure, DriftReport, DriftVerdict, TrainingSample
from foreword.drift.measures import measure
from foreword.drift.reference import sample_rows
from foreword.drift.text_features import words_of

TOPICS = {
    "Service": "nobody answers the phone when we call the hotline about a broken machine",
    "Warehouse": "the parcel with our order of two boxes of screws has not arrived yet",
    "Planning": "the model in your catalogue is not offered in the colour that was shown",
}
NOW = datetime(2026, 1, 31, tzinfo=UTC)


def texts(count: int, seed: int, topics: Sequence[str] = tuple(TOPICS.values())) -> list[str]:
    """Sentences of eight to twelve words of a topic."""
    draw = random.Random(seed)
    return [" ".join(draw.choices(draw.choice(topics).split(), k=draw.randint(8, 12))) for _ in range(count)]


def training(inputs: Sequence[str], outputs: Sequence[str] = ()) -> TrainingSample:
    rows = [
        Row(number=place, input=text, output=outputs[place % len(outputs)] if outputs else "")
        for place, text in enumerate(inputs)
    ]
    return sample_rows(rows, len(rows), str, str if outputs else None)


def requests(
    inputs: Sequence[str],
    labels: Sequence[str] = ("Service", "Warehouse"),
    *,
    probability: float = 0.9,
    threshold: float | None = 0.5,
    abstained: bool = False,
) -> list[CapturedRequest]:
    return [
        CapturedRequest(
            seen=see(
                str(place),
                input=text,
                output=labels[place % len(labels)],
                labels=(labels[place % len(labels)],),
                probability=probability,
                threshold=threshold,
                abstained=abstained,
            ),
            create_time=NOW,
        )
        for place, text in enumerate(inputs)
    ]


def held_out(count: int, labels: Sequence[str] = ("Service", "Warehouse"), probability: float = 0.9):
    spread = random.Random(1)
    return [((labels[place % len(labels)],), probability + spread.uniform(-0.05, 0.05)) for place in range(count)]


def by_kind(*arguments, **keywords) -> dict[DriftKind, DriftMeasure]:
    return {item.kind: item for item in measure(*arguments, has_labels=True, **keywords)}


def test_requests_like_the_training_data_are_stable():
    found = by_kind(requests(texts(300, 1)), training(texts(300, 2)), held_out(60))

    assert {item.verdict for item in found.values()} == {DriftVerdict.STABLE}
    assert all(item.request_count == 300 for item in found.values())
    assert found[DriftKind.INPUT_WORDS].reference_count == 300
    assert found[DriftKind.ANSWERS].reference_count == 60


def test_inputs_about_something_new_have_drifted_and_name_their_words():
    new = texts(60, 1, ["my invoice lists a discount that was never granted to our account"])

    found = by_kind(requests(texts(140, 1) + new), training(texts(300, 2)), held_out(60))

    words = found[DriftKind.INPUT_WORDS]
    assert words.verdict is DriftVerdict.DRIFTED
    assert words.tolerance < words.value
    assert words.lower < words.value < words.upper
    assert words.p_value < 0.001
    risen = {item.name for item in words.changes if item.request_share > item.reference_share}
    assert len(risen) >= 3
    assert risen <= words_of("my invoice lists a discount that was never granted to our account")
    assert found[DriftKind.ANSWERS].verdict is DriftVerdict.STABLE


def test_longer_inputs_have_drifted_in_length_but_hardly_in_words():
    longer = [f"{first} {second}" for first, second in zip(texts(200, 1), texts(200, 3), strict=True)]

    found = by_kind(requests(longer), training(texts(300, 2)), held_out(60))

    assert found[DriftKind.INPUT_LENGTH].verdict is DriftVerdict.DRIFTED
    assert found[DriftKind.INPUT_LENGTH].changes[0].name.endswith("characters and more")
    assert found[DriftKind.INPUT_WORDS].verdict is DriftVerdict.STABLE


def test_other_answers_have_drifted_from_the_held_out_ones():
    found = by_kind(
        requests(texts(200, 1), ["Service", "Service", "Service", "Planning"]), training(texts(300, 2)), held_out(80)
    )

    answers = found[DriftKind.ANSWERS]
    assert answers.verdict is DriftVerdict.DRIFTED
    assert {item.name for item in answers.changes} == {"Service", "Warehouse", "Planning"}
    (warehouse,) = (item for item in answers.changes if item.name == "Warehouse")
    assert (warehouse.reference_share, warehouse.request_share) == (0.5, 0.0)


def test_answers_are_compared_with_training_outputs_if_few_were_held_out():
    sample = training(texts(90, 2), ["Service", "Warehouse", "Planning"])

    found = by_kind(requests(texts(200, 1), ["Service", "Warehouse", "Planning"]), sample, held_out(10))

    assert found[DriftKind.ANSWERS].verdict is DriftVerdict.STABLE
    assert found[DriftKind.ANSWERS].reference_count == 90
    assert found[DriftKind.CONFIDENCE].verdict is DriftVerdict.NOT_ENOUGH


def test_less_certain_answers_have_drifted():
    found = by_kind(requests(texts(200, 1), probability=0.7), training(texts(300, 2)), held_out(60))

    confidence = found[DriftKind.CONFIDENCE]
    assert confidence.verdict is DriftVerdict.DRIFTED
    assert confidence.value == pytest.approx(-0.2, abs=0.01)
    assert confidence.upper < -confidence.tolerance
    assert confidence.changes[0].reference_share == pytest.approx(0.9, abs=0.01)


def test_abstentions_are_compared_with_what_the_thresholds_are_expected_to_make():
    half = [*held_out(60, probability=0.9), *held_out(60, probability=0.4)]
    expected = requests(texts(100, 1), threshold=0.6) + requests(texts(100, 2), threshold=0.6, abstained=True)
    often = requests(texts(200, 1), threshold=0.6, abstained=True)
    never_enough = requests(texts(200, 1), threshold=None, abstained=True)

    def abstention(given: list[CapturedRequest]) -> DriftMeasure:
        return by_kind(given, None, half)[DriftKind.ABSTENTION]

    assert abstention(expected).verdict is DriftVerdict.STABLE
    assert abstention(often).verdict is DriftVerdict.DRIFTED
    assert abstention(often).value == pytest.approx(0.5, abs=0.01)
    assert (abstention(never_enough).verdict, abstention(never_enough).value) == (DriftVerdict.STABLE, 0.0)


def test_there_is_no_verdict_on_few_requests_however_different_they_are():
    found = by_kind(
        requests(["something else entirely"] * 99, ["Other"], probability=0.1), training(texts(300, 2)), held_out(60)
    )

    assert {item.verdict for item in found.values()} == {DriftVerdict.NOT_ENOUGH}
    assert {item.value for item in found.values()} == {None}


def test_without_a_reference_there_is_no_verdict():
    found = by_kind(requests(texts(200, 1)), None, ())

    assert {item.verdict for item in found.values()} == {DriftVerdict.NO_REFERENCE}


def test_of_a_task_without_labels_only_inputs_are_compared():
    found = measure(requests(texts(200, 1)), training(texts(300, 2)), (), has_labels=False)

    assert [item.kind for item in found] == [DriftKind.INPUT_LENGTH, DriftKind.INPUT_WORDS]


def test_a_large_training_set_is_sampled_evenly():
    rows = (Row(number=number, input="x" * (number % 7), output="") for number in range(10_000))

    sample = sample_rows(rows, 10_000, str, None)

    assert len(sample.input_lengths) == 1_000
    assert (sample.row_count, set(sample.input_lengths)) == (10_000, set(range(7)))


def test_the_verdict_of_a_report_is_the_worst_that_there_is():
    def report(*verdicts: DriftVerdict) -> DriftVerdict:
        measures = [
            DriftMeasure(kind=kind, verdict=verdict, request_count=1, reference_count=1, tolerance=0.1)
            for kind, verdict in zip(DriftKind, verdicts, strict=False)
        ]
        return DriftReport(
            model="m", request_count=1, first_time=NOW, last_time=NOW, measure_time=NOW, measures=tuple(measures)
        ).verdict

    stable, drifted, few, none = DriftVerdict
    assert report(stable, drifted, few) is drifted
    assert report(none, few, stable) is stable
    assert report(none, few) is few
    assert report(none) is none


def test_words_are_told_apart_in_every_script():
    assert words_of("Two Screws, two; 12 and 7!") == {"two", "screws", "0", "and"}
    assert words_of("部品が不足") == {"部", "品", "が", "不", "足"}
    assert words_of("Müller's Maße") == {"müller", "s", "masse"}
