"""The conformance tests of tasks."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

from foreword.domain.dataset import Row
from foreword.domain.experiment import TaskOptions
from foreword.domain.report import Finding, ReportPart
from foreword.domain.templates import check_verbalizer
from foreword.errors import InvalidArgumentError
from foreword.plugin.interfaces import PERPLEXITY, Answer, LabelSpace, Schema, Suitability, Task
from foreword.plugin.task_options import check_task_options, set_options, with_option
from foreword.testing.descriptions import (
    check_findings,
    check_identity,
    check_json,
    check_metrics,
    check_parameters,
    check_parts,
    check_signatures,
)
from foreword.testing.kept_memory import MAX_BYTES_PER_ROW, ROW_CHARACTERS, kept_per_row

_COMMON_OPTIONS: Final = {"labels": "string_list", "multi_label": "bool", "separator": "string"}
"""Types of the options that are fields of `TaskOptions`."""

_NO_ANSWERS = ("", " ", "\n", "The quick brown fox, 42 and \N{GRINNING FACE}", ",,,", "\x00", "word " * 500)


class TaskTests(ABC):
    """The conformance tests of a task. Subclass it and return the task and rows for it."""

    @abstractmethod
    def make_task(self) -> Task:
        """Return a new instance."""

    @abstractmethod
    def rows(self) -> Sequence[Row]:
        """Return realistic rows, ten or more, with different outputs."""

    def options(self) -> TaskOptions:
        """Return the options with which to read the rows."""
        return TaskOptions()

    def test_it_describes_itself_its_options_and_its_metrics(self) -> None:
        """Catalogues, forms and result tables show the description."""
        task = self.make_task()
        check_identity(task, "display_name", "description")
        check_parameters(task.options)
        for spec in task.options:
            common = _COMMON_OPTIONS.get(spec.name, spec.type)
            assert spec.type == common, f"option {spec.name} is a {spec.type}; requests have it as {common}"
        try:
            check_task_options(task, self.options())
        except InvalidArgumentError as error:
            raise AssertionError(f"options() sets what `options` does not declare: {error.message}") from error
        check_metrics(task.metrics, task.main_metric)

    def test_its_methods_take_what_the_service_passes(self) -> None:
        """A method with other parameters would fail at the first upload or run."""
        check_signatures(self.make_task(), Task)

    def test_an_unset_option_acts_like_its_default(self) -> None:
        """The service does not fill in defaults. Forms show them, and the task must apply them."""
        task = self.make_task()
        for spec in task.options:
            if spec.default is None or spec.name in set_options(self.options()):
                continue
            unset, explicit = self.options(), with_option(self.options(), spec.name, spec.default)
            assert task.fit(self.rows(), unset) == task.fit(self.rows(), explicit), (
                f"the schema without the option {spec.name} differs from the one with its default {spec.default!r}"
            )

    def test_its_template_contains_the_input(self) -> None:
        """Without it, the model would receive the same text for every input."""
        template = self.make_task().default_verbalizer
        try:
            check_verbalizer(template, "default_verbalizer")
        except InvalidArgumentError as error:
            raise AssertionError(error.message) from None

    def test_its_schema_survives_json(self) -> None:
        """The schema is stored with the plan and the tuned model, and other processes read it."""
        check_json(self._schema(self.make_task()), "the schema")

    def test_it_keeps_no_state_of_other_data(self) -> None:
        """One instance serves all tenants, in any order and in several threads."""
        used, rows = self.make_task(), self.rows()
        with suppress(InvalidArgumentError):  # of outputs that the options do not allow
            used.fit([Row(number=1, input="other", output=f"{rows[0].output} other")], self.options())
        schema = self._schema(used)
        assert schema == self._schema(self.make_task()), "fit returns another schema after other data was fitted"
        used.fit([Row(number=1, input="other", output=rows[-1].output)], self.options())
        for row in rows:
            assert used.target(row.output, schema) == self.make_task().target(row.output, schema), (
                "target depends on the data that was fitted last; it may depend only on the schema"
            )

    def test_options_without_rows_are_accepted_or_refused_with_the_field(self) -> None:
        """Uploads check the options before the first row arrives."""
        try:
            self.make_task().fit((), self.options())
        except InvalidArgumentError as error:
            fields = [violation.field for violation in error.violations]
            assert all(field.startswith(("task_options", "rows")) for field in fields), f"violations name {fields}"
        except Exception as error:
            raise AssertionError(f"fit without rows raises {type(error).__name__}: {error}") from error

    def test_it_rates_rows_without_a_named_task(self) -> None:
        """The rows may belong to any task. A task with too high a rating would be chosen for data of other tasks."""
        task, rows = self.make_task(), self.rows()
        for some in (rows, rows[:2], rows[:1]):
            try:
                rating = task.suits(some, self.options())
            except Exception as error:
                raise AssertionError(f"suits raises {type(error).__name__} for {len(some)} rows: {error}") from error
            assert rating == self.make_task().suits(some, self.options()), (
                "suits returns another rating the second time"
            )
            self._check_rating(rating)
        unlike = [Row(number=number, input=f"text {number}", output=f"answer {number * 7}") for number in range(1, 21)]
        rating = task.suits(unlike, TaskOptions())
        assert rating is None or rating.score <= 0.5, (
            f"suits rates rows of dissimilar texts {rating}; at most 0.5 is right"
        )

    def test_a_target_is_its_own_target(self) -> None:
        """The canonical form of an answer must be stable: models learn it, and answers are compared in it."""
        task = self.make_task()
        schema = self._schema(task)
        for row in self.rows():
            target = task.target(row.output, schema)
            assert target.strip(), f"the target of output {row.output!r} is empty: there is nothing to learn"
            again = task.target(target, schema)
            assert again == target, f"the target of output {row.output!r} is {target!r}, whose target is {again!r}"

    def test_it_returns_every_metric_that_it_declares_and_no_other(self) -> None:
        """This holds even without rows: an undefined metric is 0, not missing or infinite."""
        task = self.make_task()
        schema, outputs = self._schema(task), [row.output for row in self.rows()]
        declared = {metric.id for metric in task.metrics} - {PERPLEXITY.id}  # which the service measures
        for references in (outputs, outputs[:1], []):
            metrics = task.score(_answers(references), references, schema).metrics
            assert set(metrics) == declared, f"score returns {sorted(metrics)}, but metrics has {sorted(declared)}"
            for name, value in metrics.items():
                assert isinstance(value, int | float), f"metric {name} is {type(value).__name__}, not a Python number"
                assert math.isfinite(value), f"metric {name} of {len(references)} rows is {value}"

    def test_right_answers_score_better_than_wrong_ones(self) -> None:
        """The main metric selects the best epoch and decides whether a model may be deployed."""
        task = self.make_task()
        schema, outputs = self._schema(task), [row.output for row in self.rows()]
        targets = [task.target(output, schema) for output in outputs]
        right = task.score(_answers(targets), outputs, schema).metrics[task.main_metric]
        wrong = task.score(_answers([""] * len(outputs)), outputs, schema).metrics[task.main_metric]
        assert self._is_better(task, right, wrong), (
            f"{task.main_metric} is {right} for the targets and {wrong} for empty answers"
        )

    def test_text_that_is_not_an_answer_counts_as_wrong_and_raises_no_error(self) -> None:
        """Models can produce any text, especially untuned ones."""
        task = self.make_task()
        schema, output = self._schema(task), self.rows()[0].output
        right = task.score(_answers([task.target(output, schema)]), [output], schema).metrics[task.main_metric]
        for text in _NO_ANSWERS:
            try:
                scores = task.score(_answers([text]), [output], schema)
            except Exception as error:
                raise AssertionError(f"score of the answer {text[:40]!r} raises {error!r}") from error
            check_parts(scores.parts)
            wrong = scores.metrics[task.main_metric]
            assert self._is_better(task, right, wrong), (
                f"{task.main_metric} is {right} for the target and {wrong} for the answer {text[:40]!r}"
            )

    def test_its_main_metric_is_the_same_with_and_without_probabilities(self) -> None:
        """Answers have probabilities only if they were chosen among label sets, and have none during tuning."""
        task = self.make_task()
        schema, outputs = self._schema(task), [row.output for row in self.rows()]
        plain = _answers([task.target(output, schema) for output in reversed(outputs)])
        space = task.label_space(schema)
        shares = {} if space is None else dict.fromkeys(space.labels, 1 / len(space.labels))
        sure = [replace(answer, probability=0.5, label_probabilities=shares) for answer in plain]
        try:
            without = task.score(plain, outputs, schema).metrics[task.main_metric]
        except Exception as error:
            raise AssertionError(f"score of answers without probabilities raises {error!r}") from error
        found = task.score(sure, outputs, schema).metrics[task.main_metric]
        assert found == without, f"{task.main_metric} is {found} with probabilities and {without} without them"

    def test_its_metrics_follow_from_the_sums_of_its_row_statistics(self) -> None:
        """Confidence intervals are computed from sums, and must be intervals of the metrics that `score` returns."""
        task = self.make_task()
        schema, outputs = self._schema(task), [row.output for row in self.rows()]
        targets = [task.target(output, schema) for output in outputs]
        mixed = [*targets[: len(targets) // 2], *_NO_ANSWERS, *reversed(targets)][: len(targets)]
        rows = [
            (answer, reference, task.row_statistics(answer, reference, schema))
            for answer, reference in zip(_answers(mixed), outputs, strict=True)
        ]
        if all(statistics is None for _, _, statistics in rows):
            return
        for answer, _, statistics in rows:
            assert statistics is not None, f"row {answer.row} has no statistics, but other rows have some"
            assert len(statistics) == len(rows[0][2] or ()), (
                f"row {answer.row} has {len(statistics)} statistics, but row 1 has {len(rows[0][2] or ())}"
            )
            assert all(map(math.isfinite, statistics)), f"row {answer.row} has statistics that are not finite"
        for chosen in (rows, rows[: len(rows) // 2], rows[-1:], []):
            sums = [sum(column) for column in zip(*(found or () for _, _, found in chosen), strict=True)]
            metrics = task.metrics_of_sums(sums or [0.0] * len(rows[0][2] or ()), schema)
            scored = task.score([row[0] for row in chosen], [row[1] for row in chosen], schema).metrics
            assert metrics, "metrics_of_sums returns no metrics, but rows have statistics"
            assert set(metrics) <= set(scored), f"metrics_of_sums returns {sorted(metrics)}, but score {sorted(scored)}"
            for id, value in metrics.items():
                assert math.isclose(value, scored[id], rel_tol=1e-9, abs_tol=1e-9), (
                    f"{id} of {len(chosen)} rows is {value} by metrics_of_sums and {scored[id]} by score"
                )

    def test_its_evaluation_schema_scores_the_rows_of_all_models(self) -> None:
        """Models with different schemas are compared in one, and rows may have what no model has learnt."""
        task, rows = self.make_task(), self.rows()
        # Rows without the last output, and rows without the first one: as if two models had learnt different answers.
        parts = [[row for row in rows if row.output != rows[place].output] for place in (-1, 0)]
        schemas = [task.fit(part, self.options()) for part in parts]
        for chosen in (schemas, schemas[:1], []):
            try:
                schema = task.evaluation_schema(iter(rows), chosen)
            except Exception as error:
                raise AssertionError(f"evaluation_schema of {len(chosen)} schemas raises {error!r}") from error
            check_json(schema, "the evaluation schema")
            assert schema == task.evaluation_schema(rows, chosen), (
                "evaluation_schema returns another schema for an iterator over the rows; iterate over them once"
            )
            for row in parts[0] if chosen else ():
                own, common = task.target(row.output, schemas[0]), task.target(row.output, schema)
                assert common == own, (
                    f"the target of {row.output!r} is {own!r} in the first schema and {common!r} in that of the "
                    "evaluation"
                )
            outputs = [row.output for row in rows]
            right = _answers([task.target(output, schema) for output in outputs])
            found = task.score(right, outputs, schema).metrics[task.main_metric]
            wrong = task.score(_answers([""] * len(rows)), outputs, schema).metrics[task.main_metric]
            assert self._is_better(task, found, wrong), (
                f"in the evaluation schema, {task.main_metric} is {found} for the targets and {wrong} for empty answers"
            )

    def test_it_reads_a_target_as_itself_and_any_text_without_an_error(self) -> None:
        """Answers of several models are compared as they are read, so a right answer equals the target."""
        task = self.make_task()
        schema = self._schema(task)
        for row in self.rows():
            target = task.target(row.output, schema)
            read = task.read_answer(target, schema)
            assert read == target.strip(), f"read_answer returns {read!r} for the target {target!r}"
        for text in _NO_ANSWERS:
            try:
                task.read_answer(text, schema)
            except Exception as error:
                raise AssertionError(f"read_answer raises {error!r} for the text {text[:40]!r}") from error

    def test_its_findings_name_rows_and_remedies(self) -> None:
        """They are the same each time, and a single row raises no error."""
        rows = self.rows()
        findings, parts = self._check(rows)
        check_findings(findings, rows)
        check_parts(parts)
        assert self._check(rows) == (findings, parts), "the check returns other findings the second time"
        self._check(rows[:1])

    def test_its_check_keeps_little_memory_per_row(self) -> None:
        """Files are read as a stream and may be larger than memory."""
        check = self.make_task().start(self.options())
        per_row = kept_per_row(check.row, [row.output for row in self.rows()])
        assert per_row < MAX_BYTES_PER_ROW, (
            f"the check keeps {per_row:,.0f} bytes per row with an input of {ROW_CHARACTERS:,} characters; count, and "
            "keep hashes, not texts"
        )

    def test_it_reads_rows_only_once(self) -> None:
        """Rows come from a file as a stream."""
        task = self.make_task()
        assert task.fit(iter(self.rows()), self.options()) == self._schema(task), (
            "fit returns another schema for an iterator over the rows than for a list; iterate over them once"
        )

    def test_its_label_space_contains_every_target(self) -> None:
        """A closed task answers only with label sets, so it could never return an answer outside of them."""
        task = self.make_task()
        schema = self._schema(task)
        space = task.label_space(schema)
        assert (space is not None) == task.closed, f"closed is {task.closed}, but label_space returns {space}"
        if space is None:
            return
        self._check_space(space)
        texts = {space.text(labels) for labels in space.label_sets} | set(space.labels)
        for row in self.rows():
            target = task.target(row.output, schema)
            assert target in texts, f"the target {target!r} is not an answer of the label space"
        for text in texts:
            target = task.target(text, schema)
            assert target == text, f"the answer {text!r} of the label space has the target {target!r}"

    def test_a_schema_trained_on_some_rows_has_all_labels_but_only_their_answers(self) -> None:
        """Candidates that occur only in held-out rows would make results look better than they are."""
        task, rows = self.make_task(), self.rows()
        schema = self._schema(task)
        trained = task.trained_schema(schema, rows[:1])
        for row in rows:
            whole, part = task.target(row.output, schema), task.target(row.output, trained)
            assert whole == part, f"the target of {row.output!r} is {whole!r}, but {part!r} after training on one row"
        space, seen = task.label_space(schema), task.label_space(trained)
        if space is None or seen is None:
            assert space is seen, "there is a label space for all rows or for one row, but not for both"
            return
        assert seen.labels == space.labels, (
            f"the labels are {space.labels}, but {seen.labels} after training on one row"
        )
        answers, target = {seen.text(labels) for labels in seen.label_sets}, task.target(rows[0].output, schema)
        assert answers <= {target}, f"after training on only {target!r}, the label sets are {sorted(answers)}"

    @staticmethod
    def _is_better(task: Task, one: float, other: float) -> bool:
        """Return whether a value of the main metric is better than another."""
        higher = next(metric.higher_is_better for metric in task.metrics if metric.id == task.main_metric)
        return one > other if higher else one < other

    @staticmethod
    def _check_rating(rating: Suitability | None) -> None:
        if rating is None:
            return
        assert 0 <= rating.score <= 1, f"suits returns a score of {rating.score}, which is not in [0, 1]"
        reason = rating.reason
        fault = f"the reason {reason!r} must be a clause: messages show it between a colon and a full stop"
        assert reason.strip(), fault
        assert "\n" not in reason, fault
        assert not reason.endswith("."), fault

    @staticmethod
    def _check_space(space: LabelSpace) -> None:
        assert len(set(space.labels)) == len(space.labels), "the label space contains a label twice"
        for labels in space.label_sets:
            unknown = set(labels) - set(space.labels)
            assert not unknown, f"label set {labels} contains unknown labels: {sorted(unknown)}"
            assert space.multi_label or len(labels) == 1, f"label set {labels} of a task with one label per answer"

    def _check(self, rows: Sequence[Row]) -> tuple[list[Finding], list[ReportPart]]:
        check = self.make_task().start(self.options())
        for row in rows:
            check.row(row)
        findings, parts = check.finish()
        return list(findings), list(parts)

    def _schema(self, task: Task) -> Schema:
        return task.fit(self.rows(), self.options())


def _answers(texts: Iterable[str]) -> list[Answer]:
    """Return answers with these texts to the rows from the first on."""
    return [Answer(text=text, row=row) for row, text in enumerate(texts, start=1)]
