"""The row validators, one by one."""

from __future__ import annotations

import pytest

from foreword.domain.dataset import Row
from foreword.domain.report import Finding, Histogram, Severity
from foreword.plugin.interfaces import RowValidator, ValidationContext
from foreword.plugin.register import Register
from foreword_validators.conflicts import Conflicts
from foreword_validators.duplicates import Duplicates
from foreword_validators.empty_texts import EmptyTexts
from foreword_validators.garbled_texts import GarbledTexts
from foreword_validators.lengths import Lengths
from foreword_validators.personal_data import PersonalData
from foreword_validators.plugin import register_row_validators
from foreword_validators.row_count import RowCount


def findings(validator: RowValidator, *pairs: tuple[str, str], task: str = "") -> list[Finding]:
    check = validator.start(ValidationContext(task=task))
    assert check is not None
    found = [
        finding
        for number, pair in enumerate(pairs, 1)
        for finding in check.row(Row(number=number, input=pair[0], output=pair[1]))
    ]
    return [*found, *check.finish()[0]]


def test_the_plugin_registers_every_validator_with_a_description() -> None:
    register: Register[RowValidator] = Register("row validator", lambda item: item.id)

    register_row_validators(register)

    assert list(register.items) == [
        "empty_texts",
        "missing_values",
        "lengths",
        "garbled_texts",
        "duplicates",
        "conflicts",
        "near_duplicates",
        "leakage",
        "personal_data",
        "row_count",
    ]
    assert all(validator.description for validator in register)


@pytest.mark.parametrize("blank", ["", " ", "\n\t\u00a0"])
def test_a_row_with_an_empty_text_is_an_error_in_each_column(blank: str) -> None:
    found = findings(EmptyTexts(), ("a", "b"), (blank, blank))

    assert [(finding.code, finding.rows, finding.column) for finding in found] == [
        ("EMPTY_INPUT", (2,), "input"),
        ("EMPTY_OUTPUT", (2,), "output"),
    ]
    assert all(finding.severity is Severity.ERROR for finding in found)


def test_repeated_rows_are_named_with_the_row_they_repeat() -> None:
    (finding,) = findings(Duplicates(), ("a", "x"), ("b", "x"), ("a ", "x"), ("a", "y"))

    assert (finding.code, finding.rows, finding.row_count) == ("DUPLICATE_ROWS", (3,), 1)
    assert finding.message == "1 row repeats an earlier row (row 3 repeats 1)."


def test_the_same_input_with_another_output_is_a_conflict() -> None:
    (finding,) = findings(Conflicts(), ("a", "x"), ("a", "x"), ("b", "x"), ("a", "y"))

    assert (finding.code, finding.rows) == ("CONFLICTING_OUTPUTS", (1, 4))


def test_order_case_and_spaces_make_a_conflict_for_free_text_but_not_for_labels() -> None:
    pairs = (("a", "Planning, Warehouse"), ("a", "warehouse,planning"))

    assert findings(Conflicts(), *pairs) == []
    assert findings(Conflicts(), *pairs, task="classification") == []
    assert len(findings(Conflicts(), *pairs, task="generation")) == 1


@pytest.mark.parametrize("count", [1, 9])
def test_fewer_than_ten_rows_are_a_warning(count: int) -> None:
    (finding,) = findings(RowCount(), *[("a", "b")] * count)

    assert (finding.code, finding.severity) == ("TOO_FEW_ROWS", Severity.WARNING)


@pytest.mark.parametrize("count", [0, 10])
def test_ten_rows_are_enough_and_an_empty_file_is_left_to_the_reader(count: int) -> None:
    assert findings(RowCount(), *[("a", "b")] * count) == []


@pytest.mark.parametrize("text", ["schöne Grüße, “gut” – 3 € für dich"])
def test_texts_that_were_read_with_the_wrong_encoding_are_found(text: str) -> None:
    for encoding in ("cp1252", "latin-1"):
        garbled = text.encode().decode(encoding, "replace")
        assert [finding.code for finding in findings(GarbledTexts(), (garbled, "x"))] == ["GARBLED_TEXT"]
    assert findings(GarbledTexts(), (text, "Âge, Ãlso, âme, à l'été")) == []


def test_the_tokens_added_around_an_input_do_not_count_for_outputs() -> None:
    def count_framed(text: str) -> int:
        return len(["<user>", *text.split(), "</user>", "<model>"])

    check = Lengths().start(ValidationContext(task="", count_tokens=count_framed, max_input_tokens=100))
    for number in range(1, 4):
        list(check.row(Row(number=number, input="one two", output="a word " * number)))

    inputs, outputs = (part.content for part in check.finish()[1])

    assert isinstance(inputs, Histogram)
    assert isinstance(outputs, Histogram)
    assert inputs.edges == (5.0, 6.0)
    assert (outputs.edges[0], outputs.counts) == (3.0, (1, 0, 1, 0, 1)), "the words and the end token"


@pytest.mark.parametrize("lengths", [[1], [5, 5, 5], [0, 1, 2, 19], [3, 1000], [120, 77, 4096]])
def test_length_histograms_count_every_row_between_round_edges(lengths: list[int]) -> None:
    check = Lengths().start(ValidationContext(task=""))
    for number, length in enumerate(lengths, 1):
        assert list(check.row(Row(number=number, input="x" * length, output="y"))) == []

    part = next(iter(check.finish()[1]))

    assert isinstance(part.content, Histogram)
    assert part.content.unit == "characters"
    assert sum(part.content.counts) == len(lengths)
    assert len(part.content.edges) == len(part.content.counts) + 1 <= 21
    assert part.content.edges[0] <= min(lengths) <= max(lengths) < part.content.edges[-1]
    width = part.content.edges[1] - part.content.edges[0]
    assert str(int(width)).rstrip("0") in ("1", "2", "5")


def test_personal_data_is_named_by_kind_and_column_and_never_shown() -> None:
    found = findings(PersonalData(), ("Write to anna.b@firm.de", "Pay to DE89 3704 0044 0532 0130 00"), ("Hello", "x"))

    assert [(finding.code, finding.severity, finding.rows, finding.column) for finding in found] == [
        ("PERSONAL_DATA", Severity.WARNING, (1,), "input"),
        ("PERSONAL_DATA", Severity.WARNING, (1,), "output"),
    ]
    assert [finding.excerpt for finding in found] == ["Write to [e-mail]", "Pay to [bank account]"]
    assert "e-mail address" in found[0].message
    assert "bank account" in found[1].message


def test_long_inputs_are_faults_if_they_are_to_be_refused() -> None:
    context = ValidationContext(task="", count_tokens=len, max_input_tokens=3, refuse_long_inputs=True)
    check = Lengths().start(context)

    (finding,) = check.row(Row(number=2, input="12345", output="x"))

    assert (finding.severity, finding.code, finding.rows) == (Severity.ERROR, "INPUT_TOO_LONG", (2,))
    assert finding.message == "The input has 5 tokens, and at most 3 are allowed."
