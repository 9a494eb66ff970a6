"""One error names every faulty field."""

from __future__ import annotations

import pytest

from foreword.domain.violations import MAX_VIOLATIONS, Violations, fields_below
from foreword.errors import InvalidArgumentError


def refuse(field: str) -> str:
    raise InvalidArgumentError.of(field, "is wrong")


def fields(error: InvalidArgumentError) -> list[str]:
    return [violation.field for violation in error.violations]


def test_nothing_is_raised_when_nothing_is_wrong():
    violations = Violations()

    violations.text("name", "complaints", 20, required=True)
    violations.number("epochs", 3, minimum=1)
    violations.choice("kind", "jsonl", ("jsonl", "csv"))
    violations.check()

    assert not violations


def test_every_faulty_field_is_named_in_the_order_in_which_it_was_found():
    violations = Violations()

    violations.text("name", " ", 20, required=True)
    violations.text("description", "x" * 21, 20)
    violations.text("template", "a\x00b", 20)
    violations.number("epochs", 0, minimum=1, maximum=10)
    violations.number("rate", float("nan"), above=0)
    violations.choice("kind", "xml", ("jsonl", "csv"))
    found = violations.collect(lambda: refuse("parent"))

    with pytest.raises(InvalidArgumentError) as raised:
        violations.check(reason="PARAMETERS_INVALID")
    assert found is None
    assert fields(raised.value) == ["name", "description", "template", "epochs", "rate", "kind", "parent"]
    assert raised.value.reason == "PARAMETERS_INVALID"
    assert raised.value.violations[3].description == "must be in [1, 10], not 0"


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[2J", "a\x7f", "a\x85b", "a\u2028b", "txt.\u202elnosj", "a\x00"])
def test_a_name_that_would_not_be_shown_as_it_is_is_refused(name: str):
    violations = Violations()

    violations.name("display_name", name, 20)

    with pytest.raises(InvalidArgumentError, match=r"^display_name: must not contain control characters.* is U\+"):
        violations.check()


def test_names_in_any_script_are_accepted():
    violations = Violations()

    for name in ("Beschwerden (1)", "شكاوى", "ข้อร้องเรียน", "👩‍💻 v1", "שם\u200f!", ""):
        violations.name("display_name", name, 20)

    violations.check()
    violations.name("display_name", "", 20, required=True)
    violations.name("display_name", "x" * 21, 20)
    with pytest.raises(InvalidArgumentError, match=r"must not be empty.*at most 20 characters"):
        violations.check()


def test_what_a_check_returns_is_handed_on():
    assert Violations().collect(lambda: 7) == 7


def test_an_inner_check_names_its_fields_below_the_place_where_its_values_stand():
    with pytest.raises(InvalidArgumentError) as raised, fields_below("header"):
        refuse("format")

    assert fields(raised.value) == ["header.format"]
    assert raised.value.message == str(raised.value) == "header.format: is wrong"


def test_a_message_of_its_own_stays_when_its_fields_are_put_below_others():
    with pytest.raises(InvalidArgumentError, match=r"^Twelve rows are faulty\.$"), fields_below("header"):
        raise InvalidArgumentError(InvalidArgumentError.of("rows[1]", "is empty").violations, "Twelve rows are faulty.")


def test_an_error_names_a_hundred_faults_and_counts_the_others():
    violations = Violations()
    for number in range(3_000):
        violations.add(f"labels[{number}]", "is wrong")
    for _ in range(2):
        violations.collect(lambda: refuse("parent"))

    with pytest.raises(InvalidArgumentError) as raised, fields_below("experiment"):
        violations.check()

    assert len(raised.value.violations) == MAX_VIOLATIONS + 1
    assert raised.value.violations[0].field == "experiment.labels[0]"
    assert raised.value.violations[-1].field == ""
    assert raised.value.message.endswith("experiment.labels[99]: is wrong; 2,902 more faults are not listed")
