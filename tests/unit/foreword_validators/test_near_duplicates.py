from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from foreword.domain.dataset import Row
from foreword.domain.report import Finding, Severity, Table
from foreword.plugin.interfaces import RowCheck, ValidationContext
from foreword.samples import SAMPLES, sample_path
from foreword_validators.near_duplicates import NearDuplicates
from foreword_validators.near_inputs import permission

LABEL = "Service"
OTHER = "Packaging"
REVIEWS = Path(__file__).parents[2] / "data" / "reviews.json"


def numbered(pairs: Sequence[tuple[str, str]]) -> list[Row]:
    return [Row(number=number, input=input, output=output) for number, (input, output) in enumerate(pairs, 1)]


def searched(rows: Sequence[Row], **context: bool) -> tuple[list[Finding], RowCheck]:
    check = NearDuplicates().start(ValidationContext(task=str(context.pop("task", "classification")), **context))
    assert check is not None
    assert not [finding for row in rows for finding in check.row(row)]
    return list(check.review(rows)), check


def codes(*pairs: tuple[str, str], task: str = "classification") -> list[str]:
    return [finding.code for finding in searched(numbered(pairs), task=task)[0]]


@pytest.mark.parametrize(
    ("text", "other", "shown"),
    [
        ("My screen is cracked.", "MY SCREEN, is cracked!!", "case or punctuation"),
        ("Der Bildschirm ist zerbrochen", "der bildschirm  ist \N{LEFT DOUBLE QUOTATION MARK}zerbrochen", "case"),
        ("The box had been opened", "Hello, the box had been opened", '"hello"'),
        ("Please send another box, mine was wet", "Send another box, mine was wet. Thanks!", '"please" / "thanks"'),
        ("I have not recieved a reply to my mail", "I have not received a reply to my mail", '"recieved" / "received"'),
        ("The screws are missing in all of them", "The screw are missing in all of them", '"screws" / "screw"'),
        (
            "\u8377\u7269\u304c\u5c4a\u304b\u306a\u3044",
            "\u8377\u7269\u304c\u5c4a\u304b\u306a\u3044\u3002",
            "case or punctuation",
        ),
    ],
)
def test_other_outputs_for_nearly_the_same_input_are_a_warning(text: str, other: str, shown: str) -> None:
    (conflict, repeat), _ = searched(numbered([("I waited for an hour.", LABEL), (text, LABEL), (other, OTHER)]))

    assert (conflict.severity, conflict.code, conflict.rows) == (Severity.WARNING, "NEAR_CONFLICTING_OUTPUTS", (2, 3))
    assert shown in conflict.message
    assert conflict.excerpt.startswith("Packaging <- ")
    assert (repeat.code, repeat.rows, repeat.row_count) == ("NEAR_DUPLICATE_ROWS", (3,), 1)


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("Screw missing.", "Box missing."),
        ("I am very happy with this salon.", "I am very unhappy with this salon."),
        ("They do a good job every single time.", "They do a bad job every single time."),
        ("I trust this salon to take good care of my dog.", "I do not trust this salon to take good care of my dog."),
        ("I was put on hold for 30 minutes on Monday morning", "I was put on hold for 3 minutes on Monday morning"),
        ("My code in C does not run with your library", "My code in C++ does not run with your library"),
        ("It was a warm welcome at your house \N{GRINNING FACE}", "It was a warm welcome at your house \N{ANGRY FACE}"),
        ("Anna sent the parcel to Tom and asked for money", "Tom sent the parcel to Anna and asked for money"),
    ],
)
def test_a_word_that_can_be_the_reason_for_another_output_is_no_fault(text: str, other: str) -> None:
    assert codes(("I waited for an hour.", LABEL), (text, LABEL), (other, OTHER)) == []


def test_one_other_word_in_a_long_text_is_a_remark() -> None:
    text = (
        "I bought the large garden table in your shop last week, and when the two men brought it to my house in the "
        "rain on Friday they left it in front of the door without a word"
    )

    (finding,), _ = searched(numbered([(text, LABEL), (text.replace("rain", "fog"), OTHER), ("No.", OTHER)]))

    assert (finding.severity, finding.code, finding.rows) == (Severity.INFO, "NEAR_EQUAL_INPUTS_DIFFER", (1, 2))
    assert '"rain" / "fog"' in finding.message


def test_near_copies_with_the_same_output_are_counted_and_grouped() -> None:
    rows = numbered(
        [(f"Complaint about {word} in the {word} department", LABEL) for word in map(chr, range(97, 117))]
        + [("I was put on hold for 30 minutes!", LABEL), ("I was put on hold for 50 minutes!", LABEL)]
    )

    (finding,), check = searched(rows)

    assert (finding.severity, finding.code, finding.rows) == (Severity.INFO, "NEAR_DUPLICATE_ROWS", (22,))
    assert 'row 22 differs from row 21 in "30" / "50"' in finding.message
    (part,) = check.finish()[1]
    assert isinstance(part.content, Table)
    assert part.content.rows == (("2", "21, 22", "I was put on hold for 30 minutes!"),)


def test_a_file_that_is_mostly_near_copies_gets_a_warning() -> None:
    rows = numbered([(f"Order {number} did not arrive, please send it again", LABEL) for number in range(50)])

    (finding,), _ = searched(rows)

    assert (finding.severity, finding.code, finding.row_count) == (Severity.WARNING, "NEAR_DUPLICATE_ROWS", 49)


def test_equal_inputs_are_left_to_the_exact_checks() -> None:
    assert codes(("The box was wet", LABEL), ("The box was wet ", LABEL), ("The box was wet", OTHER)) == []


def test_texts_of_their_own_do_not_contradict_each_other() -> None:
    pairs = (("Tell me about the screws of it", "They are steel."), ("Tell me about the screw of it", "It is steel."))

    assert codes(*pairs, task="generation") == ["NEAR_DUPLICATE_ROWS"]


@pytest.mark.parametrize("sample", SAMPLES)
def test_samples_have_no_near_duplicates(sample: str) -> None:
    rows = [json.loads(line) for line in sample_path(sample).read_text(encoding="utf-8").splitlines()]

    assert searched(numbered([(row["input"], row["output"]) for row in rows]), task="")[0] == []


def test_reviews_that_part_in_the_word_that_matters_cause_no_alarm() -> None:
    rows = json.loads(REVIEWS.read_text(encoding="utf-8"))

    assert searched(numbered([(row["input"], row["output"]) for row in rows]), task="")[0] == []


def test_a_large_file_is_searched_only_if_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(permission, "MAX_ROWS_UNASKED", 1)
    rows = numbered([("The box was wet", LABEL), ("The box was wet!", LABEL)])

    assert [finding.code for finding in searched(rows)[0]] == ["NEAR_DUPLICATES_NOT_SEARCHED"]
    assert [finding.code for finding in searched(rows, near_duplicates=True)[0]] == ["NEAR_DUPLICATE_ROWS"]
    assert NearDuplicates().start(ValidationContext(task="", near_duplicates=False)) is None


def test_rows_that_all_resemble_each_other_end_the_search_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foreword_validators.near_inputs.search._FEWEST_COMPARISONS", 5)
    monkeypatch.setattr("foreword_validators.near_inputs.search._COMPARISONS_PER_INPUT", 0)
    words = [f"word{place}" for place in range(30)]
    rows = numbered(
        [(" ".join([*words[:number], "x", *words[number + 6 :]]), f"L{number % 2}") for number in range(24)]
    )

    assert "NEAR_DUPLICATES_INCOMPLETE" in [finding.code for finding in searched(rows)[0]]


@pytest.mark.parametrize("limit", ["MAX_PAIRS", "_MAX_MEMBERS", "_MAX_COMPARISONS"])
def test_a_search_for_contradictions_that_stops_early_says_so(monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    rows = numbered([(f"The box was wet{mark}", f"L{place % 3}") for place, mark in enumerate(("", "!", ".", "?"))])
    assert "NEAR_DUPLICATES_INCOMPLETE" not in [finding.code for finding in searched(rows)[0]]

    monkeypatch.setattr(f"foreword_validators.near_inputs.rows.{limit}", 1)

    assert "NEAR_DUPLICATES_INCOMPLETE" in [finding.code for finding in searched(rows)[0]]


def test_without_numpy_a_remark_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(permission, "find_spec", lambda name: None)

    (finding,), _ = searched(numbered([("The box was wet", LABEL), ("The box was wet!", LABEL)]))

    assert (finding.code, finding.severity) == ("NEAR_DUPLICATES_NOT_SEARCHED", Severity.INFO)
    assert "pip install" in finding.remedy
