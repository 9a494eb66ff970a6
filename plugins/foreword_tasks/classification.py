"""Classification: one or several labels of a closed set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

from foreword.domain.dataset import Row
from foreword.domain.experiment import TaskOptions
from foreword.domain.labels.packing import DEFAULT_SEPARATOR
from foreword.domain.labels.spelling import spelling_key
from foreword.domain.parameters import ParameterSpec
from foreword.domain.report import Finding, ReportPart, Severity
from foreword.errors import InvalidArgumentError
from foreword.plugin.interfaces import Answer, LabelSpace, Schema, Scores, Suitability, Task, TaskCheck
from foreword.plugin.task_options import undeclared_outputs
from foreword_tasks.label_checks import check_labels
from foreword_tasks.label_distribution import LabelDistribution
from foreword_tasks.label_metrics import METRICS, label_statistics, metrics_of_counts, score_label_sets
from foreword_tasks.label_reading import read_labels
from foreword_tasks.label_schema import LabelSchema
from foreword_tasks.outputs import MAX_OUTPUTS, Outputs
from foreword_tasks.suitability import LabelSigns, copied_from_inputs


class Classification(Task):
    """The task of assigning one label to each input, or several with `multi_label`.

    The schema is that of `LabelSchema`: the labels in canonical order and the label sets in the data.
    """

    id = "classification"
    display_name = "Classification"
    description = "Answers with labels of a closed set, one or several per input."
    options = (
        ParameterSpec(
            name="labels",
            description="All labels, in the order in which answers list them. Default: the labels in the data, in "
            "the order that most rows use.",
            type="string_list",
        ),
        ParameterSpec(
            name="multi_label",
            description="Whether an answer may have several labels. Default: true if the separator joins texts that "
            "also occur in other outputs.",
            type="bool",
        ),
        ParameterSpec(
            name="separator",
            description="Text between the labels of an answer.",
            type="string",
            default=DEFAULT_SEPARATOR,
        ),
    )
    metrics = METRICS
    main_metric = "exact_match"
    closed = True

    def fit(self, rows: Iterable[Row], options: TaskOptions) -> Schema:
        """Read the labels, their order and the label sets from the rows.

        Raises:
            InvalidArgumentError: The options contradict each other, rows have labels that are not declared, or the rows
                have too many different outputs.
        """
        return read_labels(Outputs.of(rows), options).to_json()

    def suits(self, rows: Sequence[Row], options: TaskOptions) -> Suitability | None:
        """Return the suitability for rows with a small set of recurring outputs, or if one of the options is set."""
        if options.labels or options.multi_label is not None or options.separator is not None:
            return Suitability(score=1.0, reason="labels, multi_label or separator is set")
        signs = LabelSigns.of(Outputs.of(rows))
        if not signs.are_labels or (not signs.multi_label and copied_from_inputs(rows)):
            return None
        return Suitability(score=0.9, reason=signs.describe(len(rows)))

    def start(self, options: TaskOptions) -> TaskCheck:
        """Start the check of the labels, which also reports their distribution."""
        return _Check(options)

    def target(self, output: str, schema: Schema) -> str:
        """Return the labels in canonical order and spelling."""
        labels = LabelSchema.from_json(schema)
        return labels.separator.join(labels.read(output))

    def read_answer(self, text: str, schema: Schema) -> str:
        """Return the labels in canonical order and spelling, or the text if it is not an answer."""
        labels = _reader(tuple(schema["labels"]), bool(schema["multi_label"]), str(schema["separator"]))
        found = labels.parse_answer(text)
        return text.strip() if found is None else labels.separator.join(found)

    def score(self, answers: Sequence[Answer], references: Sequence[str], schema: Schema) -> Scores:
        """Score the label sets; `LabelSchema.parse_answer` defines what counts as an answer."""
        labels = LabelSchema.from_json(schema)
        return score_label_sets(
            [labels.parse_answer(answer.text) for answer in answers], [labels.read(text) for text in references], labels
        )

    def row_statistics(self, answer: Answer, reference: str, schema: Schema) -> Sequence[float]:
        """Return the row as counts of rows and labels; `label_statistics` lists them."""
        labels = _reader(tuple(schema["labels"]), bool(schema["multi_label"]), str(schema["separator"]))
        return label_statistics(labels.parse_answer(answer.text), labels.read(reference), labels)

    def metrics_of_sums(self, sums: Sequence[float], schema: Schema) -> Mapping[str, float]:
        """Return all metrics."""
        return metrics_of_counts(sums)

    def evaluation_schema(self, rows: Iterable[Row], schemas: Sequence[Schema]) -> Schema:
        """Return the first schema with the labels of the others, and then with those that only the rows have.

        Raises:
            InvalidArgumentError: There are no schemas, and the rows have too many different outputs.
        """
        outputs = Outputs.of(rows)
        if not schemas:
            return read_labels(outputs, TaskOptions()).to_json()
        first, *others = map(LabelSchema.from_json, schemas)
        union = replace(first, labels=_distinct(label for schema in (first, *others) for label in schema.labels))
        found = (label for output in outputs for label in union.read(output.text))
        return replace(union, labels=_distinct((*union.labels, *found))).to_json()

    def label_space(self, schema: Schema) -> LabelSpace:
        """Return all possible answers."""
        return LabelSchema.from_json(schema).space

    def trained_schema(self, schema: Schema, rows: Sequence[Row]) -> Schema:
        """Return the schema with only the label sets of these rows."""
        labels = LabelSchema.from_json(schema)
        seen = {labels.read(row.output) for row in rows}
        kept = tuple(label_set for label_set in labels.label_sets if label_set in seen)
        return replace(labels, label_sets=kept).to_json()


@lru_cache(maxsize=16)
def _reader(labels: tuple[str, ...], multi_label: bool, separator: str) -> LabelSchema:
    """Return a schema that reads outputs and answers; for many labels, to build it takes longer than to read a row."""
    return LabelSchema(labels=labels, multi_label=multi_label, separator=separator, label_sets=())


def _distinct(labels: Iterable[str]) -> tuple[str, ...]:
    """Return the first spelling of each label."""
    found: dict[str, str] = {}
    for label in labels:
        found.setdefault(spelling_key(label), label)
    return tuple(found.values())


class _Check(TaskCheck):
    """The running check; it stores the distinct outputs."""

    def __init__(self, options: TaskOptions) -> None:
        self._options = options
        self._outputs = Outputs()

    def row(self, row: Row) -> None:
        self._outputs.add(row)

    def finish(self) -> tuple[list[Finding], list[ReportPart]]:
        if self._outputs.too_many:
            return [_no_labels()], []
        findings: list[Finding] = []
        try:
            labels = read_labels(self._outputs, self._options)
        except InvalidArgumentError as error:
            read_labels(Outputs(), self._options)  # raises if the options contradict each other, whatever the rows
            # The distribution of the labels shows what is in the rows instead of the declared labels.
            findings = undeclared_outputs(error)
            labels = read_labels(self._outputs, replace(self._options, labels=()))
        distribution = LabelDistribution.of(self._outputs, labels)
        return [*findings, *check_labels(distribution)], distribution.parts()


def _no_labels() -> Finding:
    return Finding(
        severity=Severity.WARNING,
        code="TOO_MANY_LABELS",
        message=f"The rows have more than {MAX_OUTPUTS:,} different or very long outputs, which cannot be labels.",
        remedy="Use the task generation, or set `labels` and `separator` if the outputs are labels.",
        column="output",
    )
