"""Reports, evaluations and learning curves as pandas frames. Needs the extra `pandas` (see README.md, "Install").

    from foreword.client import frames

    frames.findings(dataset.report)
    frames.evaluations(experiment)
    frames.results(client.evaluate("test.jsonl", ["complaints", "baseModels/starter"]))
    frames.suspect_rows(experiment)
    frames.snapshots(experiment).plot(x="epoch", y="loss")

Every function raises FailedPreconditionError if pandas is not installed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from foreword.client.batch_resources import BatchAnswer
from foreword.client.capture_resources import CapturedRequest
from foreword.client.comparison_resources import TuneComparison
from foreword.client.evaluation_resources import Evaluation, EvaluationRow
from foreword.client.other_fields import apart
from foreword.client.resources import TunedModel, TuneExperiment, TuneSnapshot
from foreword.client.sweep_resources import TuneSweep
from foreword.domain.counted import counted
from foreword.domain.drift import DriftReport
from foreword.domain.report import (
    DataReport,
    EvaluationExample,
    Finding,
    Histogram,
    Matrix,
    MetricDifference,
    ReportPart,
    SystemEvaluation,
    Table,
)
from foreword.domain.suspect_rows import SuspectRow
from foreword.errors import FailedPreconditionError, InvalidArgumentError
from foreword.installation import install_command

if TYPE_CHECKING:
    from pandas import DataFrame

_OF_TRIAL = ("kept_epoch", "validation_metric", "validation_loss", "epoch", "capacity_unit_hours", "tune_experiment")
_OF_SYSTEM = ("row_count", "mean_tokens", "soft_prompt_tokens", "mean_seconds")
_NONE = (None, None, None)
_DIFFERENCE = ("difference", "lower", "upper")
_TRIED = ("learning_rate", "batch_size", "accumulate_steps", "num_virtual_tokens", "init_method", "seed")


def findings(report: DataReport) -> DataFrame:
    """Return the findings of a data report, one row each, the most severe first."""
    rows = [
        [item.severity.name.lower(), *[getattr(item, name) for name in _names(Finding)[1:]]] for item in report.findings
    ]
    return frame(_names(Finding), rows)


def part(content: ReportPart) -> DataFrame:
    """Return a part of a report or an evaluation: a table, matrix or list as displayed, or a histogram with its edges.

    Cells of a table are text, except in columns after the first that contain only numbers.
    """
    match content.content:
        case Table(columns=columns, rows=rows):
            return _with_numbers(frame(columns, rows))
        case Histogram(edges=edges, counts=counts):
            return frame(("lower", "upper", "count"), list(zip(edges, edges[1:], counts, strict=False)))
        case Matrix(row_labels=labels, column_labels=columns, values=values):
            lines = [[label, *row] for label, row in zip(labels, values, strict=True)]
            return frame(("", *columns), lines, index="")
        case named:
            return frame(("name", "value"), list(named.values.items()), index="name")


def evaluations(result: TuneExperiment | TunedModel) -> DataFrame:
    """Return held-out results, one row for each system with its metrics and its tokens per request."""
    metrics = list(dict.fromkeys(name for item in result.evaluations for name in item.metrics))
    rows = [
        [
            item.system,
            *[item.metrics.get(name) for name in metrics],
            item.row_count,
            item.mean_tokens,
            item.soft_prompt_tokens,
        ]
        for item in result.evaluations
    ]
    return frame(("system", *metrics, "row_count", "mean_tokens", "soft_prompt_tokens"), rows, index="system")


def examples(evaluation: SystemEvaluation) -> DataFrame:
    """Return the answers of one system with the expected answers."""
    return frame(_names(EvaluationExample), [list(asdict(item).values()) for item in evaluation.examples])


def suspect_rows(experiment: TuneExperiment) -> DataFrame:
    """Return the rows that look mislabelled, the largest loss first, with the answer that fits better.

    The frame is empty for runs that have not succeeded and for runs that were listed; `get_tune_experiment` returns a
    run with its rows.
    """
    suspects = experiment.suspect_rows.rows if experiment.suspect_rows else ()
    return frame(_names(SuspectRow), [list(asdict(item).values()) for item in suspects])


def snapshots(experiment: TuneExperiment) -> DataFrame:
    """Return the learning curve, oldest first, indexed by sequence number; losses are in nats per token."""
    rows = [[getattr(item, name) for name in _names(TuneSnapshot)] for item in experiment.snapshots]
    return frame(_names(TuneSnapshot), rows, index="sequence")


def experiments(runs: Iterable[TuneExperiment]) -> DataFrame:
    """Return runs for comparison, one row each with its tags (`tags.KEY`), its parameters, its cost and its results.

    Metrics are those of the tuned model on the held-out rows. They are empty for runs that have not ended and for runs
    that were listed; `get_tune_experiment` returns a run with its evaluations.
    """
    collected = list(runs)
    tuned = [next((item for item in run.evaluations if item.system == "tuned"), None) for run in collected]
    metrics = list(dict.fromkeys(name for item in tuned if item for name in item.metrics))
    keys = sorted({key for run in collected for key in run.tags})
    columns = (
        "display_name", "state", *(f"tags.{key}" for key in keys), "base_model", "tuning_type", "epochs", *_TRIED,
        "capacity_unit_hours", *metrics,
    )  # fmt: skip
    rows = [
        [
            run.display_name,
            run.state.value,
            *[run.tags.get(key) for key in keys],
            run.base_model,
            run.tuning_type,
            run.progress.epoch,
            *[getattr(run.plan.parameters, name) for name in _TRIED],
            run.capacity_unit_hours,
            *[evaluation.metrics.get(name) if evaluation else None for name in metrics],
        ]
        for run, evaluation in zip(collected, tuned, strict=True)
    ]
    return frame(columns, rows)


def comparison(compared: TuneComparison) -> DataFrame:
    """Return compared runs, one row each with the values that differ, its held-out metrics and its cost.

    Columns of values are named by their paths, such as `parameters.learning_rate`. Runs with the same `held_out_group`
    have the same held-out rows, so that their metrics can be compared: `difference` is that of the main metric to the
    first run, `lower` and `upper` are its 95 % interval. It is within noise if they have different signs.
    """
    fields_, metrics = compared.differing_fields, compared.metrics
    columns = (
        "experiment", "state", *(field.path for field in fields_), *metrics, *_DIFFERENCE,
        "mean_tokens", "capacity_unit_hours", "held_out_group",
    )  # fmt: skip
    rows = [
        [
            run.display_name,
            run.state.value,
            *(field.values[place].value for field in fields_),
            *(run.metrics.get(name) for name in metrics),
            *_difference(run.differences.get(run.main_metric)),
            run.mean_tokens if run.metrics else None,
            run.capacity_unit_hours,
            run.held_out_group,
        ]
        for place, run in enumerate(compared.tune_experiments)
    ]
    return frame(columns, rows, index="experiment")


def _difference(item: MetricDifference | None) -> Sequence[float | None]:
    if item is None:
        return _NONE
    return (item.difference, *((item.interval.lower, item.interval.upper) if item.interval else (None, None)))


def trials(sweep: TuneSweep) -> DataFrame:
    """Return the trials of a sweep, the best first, one row each with the values of the swept parameters."""
    names = list(sweep.swept_parameters)
    order = sorted(sweep.trials, key=lambda item: (item.tune_experiment != sweep.best_trial, item.number))
    rows = [
        [
            item.number,
            *[item.values.get(name) for name in names],
            item.seed,
            "stopped early" if item.was_stopped else item.state.value,
            *[getattr(item, name) for name in _OF_TRIAL],
        ]
        for item in order
    ]
    return frame(("trial", *names, "seed", "state", *_OF_TRIAL), rows, index="trial")


def results(evaluation: Evaluation) -> DataFrame:
    """Return the results of an evaluation, one row for each system, in order.

    Each metric has three columns: its value, and the ends of its 95 % interval as `METRIC_lower` and `METRIC_upper`,
    which are empty if it has none. The frame is empty for evaluations that have not succeeded and for those that were
    listed; `get_evaluation` returns an evaluation with its results.
    """
    main = [item.main_metric for item in evaluation.results[:1]]
    metrics = [*main, *sorted({name for item in evaluation.results for name in item.metrics}.difference(main))]
    columns = [column for name in metrics for column in (name, f"{name}_lower", f"{name}_upper")]
    rows = []
    for item in evaluation.results:
        values: list[Any] = [item.system]
        for name in metrics:
            interval = item.intervals.get(name)
            values += [item.metrics.get(name), *((interval.lower, interval.upper) if interval else (None, None))]
        error = item.calibration.expected_calibration_error if item.calibration else None
        rows.append([*values, error, item.row_count, item.mean_tokens, item.soft_prompt_tokens, item.mean_seconds])
    return frame(("system", *columns, "expected_calibration_error", *_OF_SYSTEM), rows, index="system")


def differences(evaluation: Evaluation) -> DataFrame:
    """Return the differences of the other systems to the first, one row for each system and metric.

    `difference` is the value of `system` minus that of `reference`, with the ends of its 95 % interval, which are empty
    if it has none.
    """
    rows = [
        [
            item.system,
            item.reference,
            item.metric,
            item.difference,
            *((item.interval.lower, item.interval.upper) if item.interval else (None, None)),
        ]
        for item in evaluation.differences
    ]
    return frame(("system", "reference", "metric", "difference", "lower", "upper"), rows)


def evaluation_rows(rows: Iterable[EvaluationRow]) -> DataFrame:
    """Return the rows of an evaluation, indexed by number: `input`, `reference`, and three columns for each system.

    These are its answer, and `SYSTEM_score` and `SYSTEM_probability`, which is empty if answers have no probability.

        frames.evaluation_rows(client.list_evaluation_rows(evaluation, selection="different"))
    """
    collected = list(rows)
    systems = list(dict.fromkeys(answer.system for row in collected for answer in row.answers))
    columns = [column for system in systems for column in (system, f"{system}_score", f"{system}_probability")]
    lines = []
    for row in collected:
        answers = {answer.system: answer for answer in row.answers}
        found = [answers.get(system) for system in systems]
        values = [value for item in found for value in ((item.answer, item.score, item.probability) if item else _NONE)]
        lines.append([row.row, row.input, row.reference, *values])
    return frame(("row", "input", "reference", *columns), lines, index="row")


def captured_requests(requests: Iterable[CapturedRequest]) -> DataFrame:
    """Return captured requests with their answers and feedback, one row each, indexed by the id of the request.

    `right` is the right answer as text: the labels, separated by commas, or the output; empty if it is unknown.
    """
    columns = (
        "request_id", "create_time", "revision", "input", "output", "probability", "abstained",
        "right", "correct", "score", "comment", "author",
    )  # fmt: skip
    rows = []
    for item in requests:
        given = item.feedback
        said: tuple[Any, ...] = ("", None, None, "", "")
        if given is not None:
            right = ", ".join(given.right_labels) if given.right_labels is not None else given.right_output or ""
            said = (right, given.correct, given.score, given.comment, given.author)
        answer = (item.revision, item.input, item.output, item.probability, item.abstained)
        rows.append([item.request_id, item.create_time, *answer, *said])
    return frame(columns, rows, index="request_id")


def drift(report: DriftReport) -> DataFrame:
    """Return the measures of drift, one row each, indexed by what is compared."""
    columns = (
        "measure", "verdict", "value", "lower", "upper", "p_value", "tolerance", "request_count", "reference_count"
    )  # fmt: skip
    rows = [
        [
            item.kind.value,
            item.verdict.value,
            item.value,
            item.lower,
            item.upper,
            item.p_value,
            item.tolerance,
            item.request_count,
            item.reference_count,
        ]
        for item in report.measures
    ]
    return frame(columns, rows, index="measure")


def batch_answers(answers: Iterable[BatchAnswer], rows: DataFrame | None = None) -> DataFrame:
    """Return the answers of a batch job, indexed by number of the row, with the other fields of their rows.

    A field with the name of a column of the answers gets `input_` in front of it.

        job = client.batch(frame, "complaints")
        frames.batch_answers(client.list_batch_answers(job), frame)

    Args:
        rows: The frame that was passed to `Client.batch`. Its rows get the columns of their answers, and keep their own
            columns and index. Rows without an answer so far have empty cells.

    Raises:
        InvalidArgumentError: There are answers to other rows.
    """
    columns = ("row", "input", "answer", "probability", "abstained", "tokens", "error")
    found = list(answers)
    table = frame(columns, [_answer(item) for item in found], index="row")
    if rows is None:
        others = [apart(item.fields, columns) for item in found]
        names = list(dict.fromkeys(name for item in others for name in item))
        fields = frame(names, [[item.get(name) for name in names] for item in others])
        for place, name in enumerate(names):
            table.insert(place, name, fields[name].to_numpy())
        return table
    if len(table) and table.index[-1] > len(rows):
        raise InvalidArgumentError.of(
            "rows",
            f"has {counted(len(rows), 'row')}, but there is an answer to row {table.index[-1]:,}; pass the frame of "
            "the job",
        )
    _check_inputs(found, rows)
    added = table.drop(columns="input").reindex(range(1, len(rows) + 1))
    return rows.assign(**{name: added[name].to_numpy() for name in added.columns})


def _check_inputs(answers: Iterable[BatchAnswer], rows: DataFrame) -> None:
    """Raise InvalidArgumentError if a row has another input than its answer: a frame of a file has no blank lines."""
    texts = rows["input"].to_numpy() if "input" in rows.columns else ()
    for answer in answers if len(texts) else ():
        text = texts[answer.row - 1]
        if isinstance(text, str) and text != answer.input:
            raise InvalidArgumentError.of(
                "rows",
                f"has another input in row {answer.row:,} than the answer to that row; pass the frame of the job. In a "
                "file, blank lines count as rows; if the job was made from one with some, join by one of its columns",
            )


def _answer(item: BatchAnswer) -> list[Any]:
    tokens = None if item.usage is None else item.usage.input_tokens + item.usage.generated_tokens
    error = "" if item.failure is None else item.failure.message
    return [item.row, item.input, item.answer, item.probability, item.abstained, tokens, error]


def calibration(evaluation: Evaluation) -> DataFrame:
    """Return the reliability curves: for each system, from the least to the most probable answers.

    Systems whose answers have no probabilities are left out.
    """
    rows = [
        [item.system, part.mean_probability, part.accuracy, part.row_count]
        for item in evaluation.results
        for part in (item.calibration.bins if item.calibration else ())
    ]
    return frame(("system", "mean_probability", "accuracy", "row_count"), rows)


def frame(columns: Sequence[str], rows: Sequence[Sequence[Any]], *, index: str | None = None) -> DataFrame:
    """Return a frame, indexed by the column `index` if it is set.

    Raises:
        FailedPreconditionError: pandas is not installed.
    """
    try:
        from pandas import DataFrame
    except ImportError as error:
        raise FailedPreconditionError(
            "The result is a pandas frame, but pandas is not installed. Install it with: " + install_command("pandas"),
            reason="PANDAS_MISSING",
        ) from error
    table = DataFrame([list(row) for row in rows], columns=list(columns))
    return table if index is None else table.set_index(index)


def _names(kind: type[Any]) -> list[str]:
    return [item.name for item in fields(kind)]


def _with_numbers(table: DataFrame) -> DataFrame:
    """Convert numeric columns. The first column is kept as text: it holds names, such as the labels 0 and 1."""
    from pandas import to_numeric

    for column in table.columns[1:]:
        try:
            table[column] = to_numeric(table[column])
        except ValueError:
            continue
    return table
