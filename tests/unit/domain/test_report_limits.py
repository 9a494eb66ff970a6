from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from factories.examples import examples
from foreword.domain.report import (
    DataReport,
    EvaluationExample,
    Finding,
    Histogram,
    Matrix,
    ReportPart,
    Severity,
    SystemEvaluation,
    Table,
    Values,
)
from foreword.domain.report_limits import (
    MAX_EVALUATIONS_BYTES,
    MAX_FINDINGS_BYTES,
    MAX_PARTS_BYTES,
    cut_text,
    limit_evaluations,
    limit_findings,
    limit_report,
)
from foreword.server.convert.report import data_report, evaluations, finding

FINDING = Finding(severity=Severity.WARNING, code="ODD", message="Odd.", remedy="Make it even.", rows=(1,), row_count=1)
EVALUATION = SystemEvaluation(system="tuned", metrics={"accuracy": 0.5}, main_metric="accuracy", row_count=3)

texts = st.text(max_size=30) | st.integers(1, 3_000).map(lambda count: "\U0001f4e6" * count)
tables = st.builds(
    lambda columns, rows, cell: Table(columns=("c",) * columns, rows=((cell,) * columns,) * rows),
    st.integers(0, 30),
    st.integers(0, 3_000),
    texts,
)
matrices = st.builds(
    lambda rows, columns, label: Matrix(
        row_labels=(label,) * rows, column_labels=(label,) * columns, values=((1.0,) * columns,) * rows
    ),
    st.integers(0, 300),
    st.integers(0, 300),
    texts,
)
histograms = st.integers(0, 200_000).map(
    lambda count: Histogram(unit="tokens", edges=(1e300,) * (count + 1), counts=(2**62,) * count)
)
values = st.integers(0, 50_000).map(lambda count: Values(values={f"value {number}": 1.0 for number in range(count)}))
parts = st.lists(
    st.builds(ReportPart, id=texts, title=texts, content=tables | matrices | histograms | values), max_size=6
)


def test_a_report_within_the_limits_is_unchanged():
    table = ReportPart(id="t", title="Rows by label", content=Table(columns=("label",), rows=(("Service",),) * 500))
    report = DataReport(row_count=3, usable_row_count=3, findings=(FINDING,) * 1_000, parts=(table,))

    assert limit_report(report) == report


def test_long_texts_are_cut_and_marked():
    assert cut_text("x" * 20, 20) == "x" * 20
    assert cut_text("x" * 21, 20) == "x" * 14 + " [...]"


def test_findings_that_do_not_fit_are_counted():
    long = replace(FINDING, message="\U0001f4e6" * 5_000)

    kept, omitted = limit_findings([long] * 1_000, MAX_FINDINGS_BYTES)

    assert 0 < len(kept) < 1_000
    assert len(kept) + omitted == 1_000
    assert sum(finding(item).ByteSize() for item in kept) < MAX_FINDINGS_BYTES


def test_a_small_part_stays_whole_beside_a_large_one():
    small = ReportPart(id="s", title="Small", content=Values(values={"mean": 1.0}))
    rows = tuple((str(number), "x" * 150) for number in range(20_000))
    large = ReportPart(id="l", title="Large", content=Table(columns=("a", "b"), rows=rows))
    report = DataReport(row_count=1, usable_row_count=1, parts=(large, small))

    cut, whole = limit_report(report).parts

    assert whole == small
    assert isinstance(cut.content, Table)
    assert cut.content.rows == rows[: len(cut.content.rows)]
    assert cut.title == f"Large (the first {len(cut.content.rows):,} of 20,000 rows)"
    assert 0.8 * MAX_PARTS_BYTES < data_report(limit_report(report)).ByteSize() < MAX_PARTS_BYTES


@settings(max_examples=examples(30))
@given(parts, st.integers(0, 30), texts)
def test_reports_and_evaluations_of_any_size_are_limited(found, count, text):
    report = DataReport(row_count=1, usable_row_count=1, parts=tuple(found))
    samples = (EvaluationExample(input=text, reference=text, prediction=text),) * count
    evaluation = replace(EVALUATION, parts=tuple(found), examples=samples, metrics=dict.fromkeys([text], 0.5))

    assert data_report(limit_report(report)).ByteSize() < MAX_PARTS_BYTES + 100
    limited = limit_evaluations((evaluation,) * 5)
    assert sum(message.ByteSize() for message in evaluations(limited)) < MAX_EVALUATIONS_BYTES
    assert len(limited) == 5
