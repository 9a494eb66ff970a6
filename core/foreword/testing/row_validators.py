"""The conformance tests of row validators."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Final

from foreword.domain.dataset import Row
from foreword.domain.report import Finding, ReportPart, Severity
from foreword.plugin.interfaces import RowCheck, RowValidator, ValidationContext
from foreword.testing.descriptions import check_findings, check_identity, check_parts, check_signatures
from foreword.testing.kept_memory import MAX_BYTES_PER_ROW, ROW_CHARACTERS, kept_per_row

_ODD_TEXTS: Final = ("", " ", "\n\n", "\x00", "\ufeff", "a" * 100_000, "\N{GRINNING FACE}" * 50, "\u202eright to left")


class RowValidatorTests(ABC):
    """The conformance tests of a row validator. Subclass it and return the validator, good rows and bad rows."""

    @abstractmethod
    def make_validator(self) -> RowValidator:
        """Return a new instance."""

    @abstractmethod
    def good_rows(self) -> Sequence[Row]:
        """Return rows without problems; ten or more."""

    @abstractmethod
    def bad_rows(self) -> Sequence[Row]:
        """Return rows with problems."""

    def context(self) -> ValidationContext:
        """Return a context in which the validator has something to check."""
        return ValidationContext(task="")

    def test_it_describes_itself(self) -> None:
        """Lists of validators show the description."""
        check_identity(self.make_validator(), "description")

    def test_its_methods_take_what_the_service_passes(self) -> None:
        """A method with other parameters would fail at the first file."""
        validator = self.make_validator()
        check_signatures(validator, RowValidator)
        check = validator.start(self.context())
        if check is not None:
            check_signatures(check, RowCheck)

    def test_good_rows_cause_no_warning(self) -> None:
        """Users ignore a check with false alarms."""
        findings, _ = self._run(self.good_rows())
        loud = [finding.message for finding in findings if finding.severity > Severity.INFO]
        assert not loud, f"good rows cause the warnings {loud}"

    def test_bad_rows_are_found(self) -> None:
        """A finding names the rows and a remedy."""
        rows = self.bad_rows()
        findings, parts = self._run(rows)
        assert any(finding.severity > Severity.INFO for finding in findings), "bad rows cause no warning"
        check_findings(findings, rows)
        check_parts(parts)

    def test_a_finding_about_a_row_names_that_row(self) -> None:
        """An error makes the current row unusable, so it must name that row and no other."""
        check = self._start()
        for row in self.bad_rows():
            for finding in check.row(row):
                allowed = (
                    (row.number in finding.rows) if finding.severity < Severity.ERROR else finding.rows == (row.number,)
                )
                assert allowed, f"row {row.number} causes a finding about the rows {finding.rows}"

    def test_two_files_at_once_do_not_affect_each_other(self) -> None:
        """Uploads of several tenants are checked at the same time, and the same file must give the same findings."""
        rows = self.bad_rows()
        alone = self._run(rows)
        validator = self.make_validator()
        first, second = validator.start(self.context()), validator.start(self.context())
        assert first is not None, "the validator has nothing to check in this context; override `context`"
        assert second is not None, "the validator has nothing to check in this context; override `context`"
        row_findings: list[Finding] = []
        for row in rows:
            tuple(first.row(row))
            row_findings += second.row(row)
        reviewed = list(second.review(_usable(rows, row_findings)))
        findings, parts = second.finish()
        assert ([*row_findings, *reviewed, *findings], list(parts)) == alone, (
            "the findings of a file change if another file is checked at the same time"
        )

    def test_unusual_texts_raise_no_error(self) -> None:
        """A check that raises is left out of the report, and the error is logged for the operator."""
        rows = [
            Row(number=number, input=text, output=other)
            for number, (text, other) in enumerate(zip(_ODD_TEXTS, reversed(_ODD_TEXTS), strict=True), start=1)
        ]
        try:
            findings, parts = self._run(rows)
        except Exception as error:
            raise AssertionError(f"unusual texts raise {error!r}") from error
        check_findings(findings, rows)
        check_parts(parts)

    def test_a_file_without_rows_raises_no_error(self) -> None:
        """The reader of the file reports that it is empty, not the validators."""
        try:
            findings, _ = self._run(())
        except Exception as error:
            raise AssertionError(f"a file without rows raises {error!r}") from error
        assert not findings, f"a file without rows causes {[finding.message for finding in findings]}"

    def test_it_keeps_little_memory_per_row(self) -> None:
        """Files are read as a stream and may be larger than memory."""
        check = self._start()

        def read(row: Row) -> None:
            for finding in check.row(row):
                del finding

        per_row = kept_per_row(read)
        assert per_row < MAX_BYTES_PER_ROW, (
            f"the check keeps {per_row:,.0f} bytes per row of {2 * ROW_CHARACTERS:,} characters; keep hashes, not texts"
        )

    def _start(self) -> RowCheck:
        check = self.make_validator().start(self.context())
        assert check is not None, "the validator has nothing to check in this context; override `context`"
        return check

    def _run(self, rows: Sequence[Row]) -> tuple[list[Finding], list[ReportPart]]:
        check = self._start()
        row_findings = [finding for row in rows for finding in check.row(row)]
        reviewed = list(check.review(_usable(rows, row_findings)))
        findings, parts = check.finish()
        return [*row_findings, *reviewed, *findings], list(parts)


def _usable(rows: Sequence[Row], findings: Sequence[Finding]) -> Sequence[Row]:
    """Return the rows without errors."""
    unusable = {number for finding in findings if finding.severity is Severity.ERROR for number in finding.rows}
    return [row for row in rows if row.number not in unusable]
