"""A correct row validator, and faulty ones, at least one for each conformance test."""

from __future__ import annotations

from dataclasses import replace

from foreword.domain.dataset import Row
from foreword.domain.report import Finding, Severity
from foreword.plugin.interfaces import RowCheck, RowValidator
from foreword.testing import RowValidatorTests

GOOD = [Row(number=number, input=f"please say {number}", output="done") for number in range(1, 13)]
BAD = [*GOOD, Row(number=13, input="now!", output="done")]
FINDING = Finding(
    severity=Severity.WARNING, code="IMPOLITE", message="The magic word is missing.", remedy="Say please.",
    row_count=1, column="input",
)  # fmt: skip


class PoliteCheck(RowCheck):
    def row(self, row):
        return [replace(FINDING, rows=(row.number,))] if "please" not in row.input.lower() else []


class Polite(RowValidator):
    id = "polite"
    description = "Looks for the magic word."
    Check: type[RowCheck] = PoliteCheck

    def start(self, context):
        return self.Check()


class Nameless(Polite):
    description = ""


class StartsWithoutContext(Polite):
    def start(self):
        return self.Check()


class ReadsNumbers(Polite):
    class Check(PoliteCheck):
        def row(self, number):
            return []


class CriesWolf(Polite):
    class Check(PoliteCheck):
        def row(self, row):
            return [replace(FINDING, rows=(row.number,))]


class Blind(Polite):
    class Check(PoliteCheck):
        def row(self, row):
            return []


class NoRemedy(Polite):
    class Check(PoliteCheck):
        def row(self, row):
            return [replace(finding, remedy="") for finding in super().row(row)]


class OtherRow(Polite):
    class Check(PoliteCheck):
        def row(self, row):
            return [replace(finding, rows=(row.number - 1,)) for finding in super().row(row)]


class Shared(Polite):
    class Check(PoliteCheck):
        seen: set[str]

        def row(self, row):
            first = row.input not in type(self).seen
            type(self).seen.add(row.input)
            return super().row(row) if first else []

    def start(self, context):
        if not hasattr(self.Check, "seen") or not hasattr(self, "begun"):
            self.Check.seen = set()
        self.begun = True
        return super().start(context)


class Fragile(Polite):
    class Check(PoliteCheck):
        def row(self, row):
            assert row.input[0] != "\x00"
            return super().row(row)


class NotWithoutRows(Polite):
    class Check(PoliteCheck):
        count = 0

        def row(self, row):
            self.count += 1
            return super().row(row)

        def finish(self):
            return [replace(FINDING, code="AVERAGE", message=f"{1 / self.count}", severity=Severity.INFO)], []


class RemembersTexts(Polite):
    class Check(PoliteCheck):
        def row(self, row):
            self.__dict__.setdefault("texts", []).append(row.input)
            return super().row(row)


BROKEN = {
    "test_it_describes_itself": (Nameless,),
    "test_its_methods_take_what_the_service_passes": (StartsWithoutContext, ReadsNumbers),
    "test_good_rows_cause_no_warning": (CriesWolf,),
    "test_bad_rows_are_found": (Blind, NoRemedy),
    "test_a_finding_about_a_row_names_that_row": (OtherRow,),
    "test_two_files_at_once_do_not_affect_each_other": (Shared,),
    "test_unusual_texts_raise_no_error": (Fragile,),
    "test_a_file_without_rows_raises_no_error": (NotWithoutRows,),
    "test_it_keeps_little_memory_per_row": (RemembersTexts,),
}


def case_of(validator: type[RowValidator]) -> RowValidatorTests:
    class Case(RowValidatorTests):
        def make_validator(self):
            return validator()

        def good_rows(self):
            return GOOD

        def bad_rows(self):
            return BAD

    return Case()
