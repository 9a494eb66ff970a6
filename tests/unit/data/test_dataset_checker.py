"""DatasetChecker with the installed tasks and validators."""

from __future__ import annotations

import hashlib
import io
import json
import tracemalloc
from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace

import pytest

from foreword.data import row_sample, task_checks
from foreword.data.checker import CheckedData, DatasetChecker, report_error
from foreword.data.rows import read_rows
from foreword.domain.dataset import Row
from foreword.domain.experiment import TaskOptions
from foreword.domain.report import Finding, Histogram, ReportPart, Severity, Table
from foreword.errors import CancelledError, InvalidArgumentError
from foreword.plugin.interfaces import RowCheck, RowValidator, Task, TaskCheck, ValidationContext
from foreword.samples import sample_path
from foreword_tasks import outputs
from foreword_tasks.classification import Classification
from foreword_tasks.generation import Generation
from foreword_tasks.summarization import Summarization
from foreword_validators.conflicts import Conflicts
from foreword_validators.duplicates import Duplicates
from foreword_validators.empty_texts import EmptyTexts
from foreword_validators.garbled_texts import GarbledTexts
from foreword_validators.lengths import Lengths
from foreword_validators.row_count import RowCount

TASKS: dict[str, Task] = {task.id: task for task in (Classification(), Generation(), Summarization())}
VALIDATORS = (EmptyTexts(), Lengths(), GarbledTexts(), Duplicates(), Conflicts(), RowCount())


def check(
    data: bytes,
    *,
    task: Task | None = None,
    options: TaskOptions | None = None,
    validators: Iterable[RowValidator] = VALIDATORS,
    chunk: int = 1000,
) -> CheckedData:
    checker = DatasetChecker(validators=list(validators), task=task, tasks=TASKS, options=options or TaskOptions())
    with closing(checker):
        for start in range(0, len(data), chunk):
            checker.feed(data[start : start + chunk])
        checked = checker.finish()
        return replace(checked, file=io.BytesIO(checked.file.read()))


def jsonl(*pairs: tuple[str, str]) -> bytes:
    return "".join(json.dumps({"input": pair[0], "output": pair[1]}) + "\n" for pair in pairs).encode()


def codes(checked: CheckedData, severity: Severity = Severity.WARNING) -> list[str]:
    return [finding.code for finding in checked.report.findings if finding.severity >= severity]


def test_a_good_file_has_no_warnings_and_shows_its_labels_and_lengths() -> None:
    checked = check(sample_path("complaints").read_bytes())

    assert codes(checked) == []
    assert checked.task == "classification"
    assert (checked.report.row_count, checked.report.usable_row_count) == (263, 263)
    assert [part.id for part in checked.report.parts] == [
        "input_lengths",
        "output_lengths",
        "label_counts",
        "label_sets",
        "co_occurrence",
    ]


@pytest.mark.parametrize(("sample", "task"), [("replies", "generation"), ("summaries", "summarization")])
def test_the_samples_of_open_tasks_have_nothing_to_remark(sample: str, task: str) -> None:
    checked = check(sample_path(sample).read_bytes(), task=TASKS[task])

    assert codes(checked, Severity.INFO) == []
    assert checked.report.usable_row_count >= 30


def test_a_badly_distributed_file_is_warned_about_with_counts_and_advice() -> None:
    checked = check(sample_path("complaints_v2").read_bytes())

    planning, warehouse = checked.report.warnings
    assert {planning.code, warehouse.code} == {"LABEL_CROWDS_OUT"}
    assert "16 rows have only the label 'Planning', against 3 'Planning, Marketing'" in planning.message
    assert "10 'Planning, Warehouse'" in planning.message
    assert "8 rows have only the label 'Warehouse', against 5 'Warehouse, Packaging'" in warehouse.message
    assert "Add rows for the combinations (about 3 for 'Warehouse, Packaging')" in warehouse.remedy
    assert checked.report.errors == ()


def test_the_same_rows_in_another_format_have_the_same_content_hash() -> None:
    as_json = check(b'[{"output": "b", "input": "a"}]')
    as_csv = check(b"input;output\r\na;b\r\n")

    stored = as_json.file.read()
    assert stored == as_csv.file.read() == b'{"input": "a", "output": "b"}\n'
    assert as_json.content_sha256 == as_csv.content_sha256 == hashlib.sha256(stored).hexdigest()
    assert (as_csv.row_count, as_csv.byte_size) == (1, len(stored))
    assert (as_json.report.format, as_csv.report.format) == ("json", "csv")


def test_all_faults_are_reported_the_most_severe_first_and_named_by_row_and_column() -> None:
    data = jsonl(("a", "x"), ("", "x"), ("a", "x")) + b'oops\n{"input": "d", "output": "  "}\n'

    checked = check(data)
    error = report_error(checked.report)

    assert [violation.field for violation in error.violations] == ["rows[2].input", "rows[4]", "rows[5].output"]
    assert "The input is empty. Add a text" in error.violations[0].description
    assert "DUPLICATE_ROWS" in codes(checked)
    assert error.reason == "DATASET_INVALID"
    assert [row.input for row in read_rows(checked.file)] == ["a", "a"]
    assert (checked.report.row_count, checked.report.usable_row_count) == (5, 2)
    severities = [finding.severity for finding in checked.report.findings]
    assert severities == sorted(severities, reverse=True)


def test_equal_warnings_about_several_rows_are_merged() -> None:
    data = b"\n".join(b'{"input": "text %d", "output": %d}' % (number, number % 2) for number in range(1, 31))

    notes = [finding for finding in check(data).report.findings if finding.code == "NUMBER_AS_TEXT"]

    assert [(note.severity, note.row_count, len(note.rows)) for note in notes] == [(Severity.INFO, 30, 20)]


def test_findings_are_bounded_and_the_rest_is_counted() -> None:
    report = check(b"{oops\n" * 1500 + jsonl(("a", "x")) * 1600).report

    assert len([finding for finding in report.findings if finding.code == "NOT_JSON"]) == 1000 - len(report.warnings)
    assert report.row_count == 3100
    assert report.omitted_finding_count + len(report.findings) >= 1500


def test_a_fault_of_most_rows_is_one_fault_of_the_file() -> None:
    report = check(b"{'input': 'a', 'output': 'b'}\n" * 1500).report

    finding = next(finding for finding in report.errors if finding.code == "NOT_JSON")
    assert {finding.code for finding in report.errors} == {"NO_ROWS", "NOT_JSON"}
    assert finding.message.startswith("1,500 of 1,500 rows have one fault. In row 1: The row is not JSON")
    assert "double quotes" in finding.remedy
    assert (finding.row_count, finding.rows[:2], len(finding.rows)) == (1500, (1, 2), 20)
    assert (len(report.errors), report.omitted_finding_count) == (2, 0)


def test_the_same_fault_of_a_small_file_is_named_once_and_others_by_row() -> None:
    row = '{"input": "a", "output": true}'
    six, five = check("\n".join([row] * 6).encode()).report, check("\n".join([row] * 5).encode()).report
    different = check("\n".join(f'{{"input": "a" {" " * n}x}}' for n in range(6)).encode()).report

    (fault,) = [finding for finding in six.errors if finding.code == "NOT_TEXT"]
    assert (fault.rows, fault.message[:30]) == ((1, 2, 3, 4, 5, 6), "6 of 6 rows have one fault. In")
    assert [finding.rows for finding in five.errors if finding.code == "NOT_TEXT"] == [(n,) for n in range(1, 6)]
    assert [finding.rows for finding in different.errors if finding.code == "NOT_JSON"] == [(n,) for n in range(1, 7)]


def test_columns_without_a_name_are_counted_once() -> None:
    report = check(b"input,output,,\na,x,,\nb,y,,\n").report

    (warning,) = [finding for finding in report.findings if finding.code == "UNKNOWN_KEY"]
    assert warning.message == "2 columns without a name are ignored."


def test_a_file_in_another_encoding_is_one_fault_that_shows_the_text_as_it_was_meant() -> None:
    rows = jsonl(*((f"text {number}", "Lager") for number in range(30)))
    report = check(rows + '{"input": "Qualit\u00e4t", "output": "L\u00e4den"}\n'.encode("cp1252") * 2).report

    (finding,) = report.errors
    assert (finding.code, finding.rows) == ("INVALID_UTF8", (31, 32))
    assert "As Windows-1252 it would be '\u00e4'" in finding.message
    assert "Qualit\u00e4t" in finding.excerpt


@pytest.mark.parametrize(("data", "message"), [(b"", "No row could be read"), (b"{oops\n", "The only row cannot")])
def test_a_file_without_usable_rows_is_an_error(data: bytes, message: str) -> None:
    checked = check(data)

    finding = next(finding for finding in checked.report.errors if finding.code == "NO_ROWS")
    assert message in finding.message
    assert (checked.row_count, checked.file.read()) == (0, b"")


def test_a_file_over_the_limit_is_refused_at_once() -> None:
    checker = DatasetChecker(validators=[], task=None, tasks=TASKS, options=TaskOptions(), max_bytes=10)

    with closing(checker), pytest.raises(InvalidArgumentError, match="larger than 10 bytes") as caught:
        checker.feed(b"x" * 11)
    assert caught.value.reason == "DATASET_TOO_LARGE"


class Failing(RowValidator):
    id = "failing"
    description = "Fails at a given place."

    def __init__(self, place: str) -> None:
        self._place = place

    def start(self, context: ValidationContext) -> RowCheck:
        place = self._place
        if place == "start":
            raise RuntimeError("at start")

        class Check(RowCheck):
            def row(self, row: Row) -> Iterable[Finding]:
                if place == "row":
                    raise RuntimeError("at row")
                return ["no finding"] if place == "type" else ()  # type: ignore[list-item]  # what a plugin may do

            def finish(self) -> tuple[Iterable[Finding], Iterable[object]]:  # type: ignore[override]  # as above
                if place == "finish":
                    raise RuntimeError("at finish")
                return (), ()

        return Check()


@pytest.mark.parametrize("place", ["start", "row", "type", "finish"])
def test_a_validator_that_fails_is_named_and_the_others_go_on(place: str) -> None:
    checked = check(jsonl(("a", "x"), ("", "x"), ("c", "y")), validators=[Failing(place), EmptyTexts()])

    failed = [finding for finding in checked.report.findings if finding.code == "VALIDATOR_FAILED"]
    assert [(finding.source, finding.severity) for finding in failed] == [("failing", Severity.WARNING)]
    assert "EMPTY_INPUT" in codes(checked)
    assert checked.row_count == 2


def test_lengths_are_counted_in_tokens_when_a_tokenizer_is_given_and_long_inputs_warned_about() -> None:
    checker = DatasetChecker(
        validators=[Lengths()],
        task=None,
        tasks={},
        options=TaskOptions(),
        count_tokens=lambda text: len(text.split()),
        max_input_tokens=3,
    )
    with closing(checker):
        checker.feed(jsonl(("a b c", "x"), ("a b c d", "x"), ("a b c d e", "x")))

        report = checker.finish().report

    (warning,) = report.warnings
    assert (warning.code, warning.rows, warning.row_count) == ("INPUT_TOO_LONG", (2, 3), 2)
    histogram = report.parts[0].content
    assert isinstance(histogram, Histogram)
    assert (histogram.unit, histogram.edges, histogram.counts) == ("tokens", (3.0, 4.0, 5.0, 6.0), (1, 1, 1))


def test_repeated_outputs_are_read_as_labels_and_others_as_text() -> None:
    labels = jsonl(*((f"text {number}", "yes" if number % 2 else "no") for number in range(12)))
    prose = jsonl(*((f"text {number}", f"Dear customer {number}, thank you.") for number in range(12)))

    assert check(labels).task == "classification"
    assert check(prose).task == "generation"
    assert check(prose, options=TaskOptions(multi_label=False)).task == "classification"


def test_rows_that_contradict_the_declared_labels_are_errors() -> None:
    data = jsonl(*((f"text {number}", "yes" if number % 2 else "no") for number in range(12)), ("last", "maybe"))

    checked = check(data, task=TASKS["classification"], options=TaskOptions(labels=("yes", "no")))

    (error,) = checked.report.errors
    assert error.code == "OUTPUT_NOT_DECLARED"
    assert "'maybe' (row 13)" in error.message


def test_options_that_contradict_each_other_are_refused_before_a_byte_is_read() -> None:
    with pytest.raises(InvalidArgumentError, match=r"task_options\.labels"):
        check(b"", task=TASKS["classification"], options=TaskOptions(labels=("a", "A ")))


@pytest.mark.parametrize(
    ("task", "fault"),
    [(None, "is not an option of any installed task"), (TASKS["generation"], "is unknown; the task gen")],
)
def test_an_option_that_the_task_does_not_have_is_refused_also_when_no_task_is_set(task: Task | None, fault) -> None:
    prose = jsonl(*((f"text {number}", f"Dear customer {number}, thank you.") for number in range(12)))

    with pytest.raises(InvalidArgumentError, match=rf"task_options\.extra\.tone: {fault}"):
        check(prose, task=task, options=TaskOptions(extra={"tone": "kind"}))


def test_how_a_file_is_cut_into_chunks_does_not_change_the_report() -> None:
    data = sample_path("complaints_v2").read_bytes()

    first, second = check(data, chunk=7), check(data, chunk=1 << 20)

    assert first.file.read() == second.file.read()
    assert replace(first, file=second.file) == second


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            b'{"input": "a", "output": "b"}\n{}\n',
            "The file has 2 faults. Correct them and upload it again. The first fault: rows[2]",
        ),
        (b"", "The file has a fault. No row could be read from the file."),
        (b"{}\n", "The file has 3 faults. Correct them and upload it again. The first fault: rows[1]"),
    ],
)
def test_the_error_counts_faults_in_singular_and_plural(data: bytes, message: str) -> None:
    assert report_error(check(data).report).message.startswith(message)


def test_a_check_keeps_little_of_the_file_in_memory() -> None:
    data = jsonl(*((f"text {number} " * 200, ("yes", "no")[number % 2]) for number in range(5_000)))
    check(data[:1000], task=TASKS["classification"])  # for one-time allocations
    task = TASKS["classification"]
    tracemalloc.start()

    with closing(DatasetChecker(validators=VALIDATORS, task=task, tasks=TASKS, options=TaskOptions())) as checker:
        for start in range(0, len(data), 1 << 16):
            checker.feed(data[start : start + (1 << 16)])
        checked = checker.finish()

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (checked.row_count, checked.byte_size) == (5_000, len(data))
    assert peak < len(data) / 3


def test_the_task_of_a_large_file_is_chosen_by_a_sample_and_checks_all_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_sample, "MAX_SAMPLE_ROWS", 20)
    data = jsonl(*((f"text {number}", "yes" if number % 3 else "no") for number in range(100)))

    report = check(data).report

    (chosen,) = [finding for finding in report.findings if finding.code == "TASK_CHOSEN"]
    assert "(in a sample of the 100 rows)" in chosen.message
    (labels,) = [part for part in report.parts if part.id == "label_counts"]
    assert labels.content.rows == (("yes", "66", "66.0 %"), ("no", "34", "34.0 %"))


@pytest.mark.parametrize("limit", [10_000, 50], ids=["all rows kept", "sampled"])
def test_first_rows_that_suit_another_task_do_not_keep_their_task(monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    monkeypatch.setattr(task_checks, "_ROWS_BEFORE_GUESS", 20)
    monkeypatch.setattr(row_sample, "MAX_SAMPLE_ROWS", limit)
    replies = [(f"text {number}", f"a reply of its own, number {number}") for number in range(25)]
    labelled = [(f"other {number}", "yes" if number % 3 else "no") for number in range(600)]

    checked, alone = check(jsonl(*replies, *labelled)), check(jsonl(*labelled))

    assert (checked.task, check(jsonl(*replies)).task) == ("classification", "generation")
    counts = dict(_label_counts(checked))
    assert (
        {label: counts[label] for label in ("yes", "no")} == dict(_label_counts(alone)) == {"yes": "400", "no": "200"}
    )
    assert sum(map(int, counts.values())) == 625


def _label_counts(checked: CheckedData) -> Iterable[tuple[str, str]]:
    (labels,) = [part for part in checked.report.parts if part.id == "label_counts"]
    assert isinstance(labels.content, Table)
    return ((label, count) for label, count, _ in labels.content.rows)


class FailingTask(Generation):
    id = "failing"

    def __init__(self, place: str) -> None:
        self._place = place

    def start(self, options: TaskOptions) -> TaskCheck:
        if self._place == "start":
            raise RuntimeError("at start")
        place = self._place

        class Check(TaskCheck):
            def row(self, row: Row) -> None:
                if place == "row":
                    raise RuntimeError("at row")

            def finish(self) -> tuple[Iterable[Finding], Iterable[ReportPart]]:
                raise RuntimeError("at finish")

        return Check()


@pytest.mark.parametrize("place", ["start", "row", "finish"])
def test_a_task_whose_check_fails_is_named_and_the_rows_are_kept(place: str) -> None:
    checked = check(jsonl(("a", "x"), ("b", "y")), task=FailingTask(place))

    (failed,) = [finding for finding in checked.report.findings if finding.code == "TASK_CHECK_FAILED"]
    assert f"RuntimeError: at {place}" in failed.message
    assert checked.row_count == 2


def test_a_checker_that_is_closed_while_a_thread_reads_rows_ends_it() -> None:
    class Closing(RowValidator):
        id = "closing"
        description = "Closes the checker in the middle of a chunk, as a server whose caller has gone."

        def start(self, context: ValidationContext) -> RowCheck:
            class Check(RowCheck):
                def row(self, row: Row) -> Iterable[Finding]:
                    checker.close()
                    return ()

            return Check()

    checker = DatasetChecker(validators=[Closing()], task=None, tasks=TASKS, options=TaskOptions())

    checker.feed(jsonl(("a" * 1000, "x"), ("b", "y")))

    with pytest.raises(CancelledError):
        checker.feed(jsonl(("c", "z")))


def test_outputs_that_cannot_be_labels_are_a_warning_of_classification(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "MAX_OUTPUTS", 30)
    prose = jsonl(*((f"text {number}", f"Answer {number}") for number in range(40)))

    checked = check(prose, task=TASKS["classification"])

    assert "TOO_MANY_LABELS" in codes(checked)
    with pytest.raises(InvalidArgumentError, match="use the task generation"):
        TASKS["classification"].fit(read_rows(checked.file), TaskOptions())
