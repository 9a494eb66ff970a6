"""A correct task, and faulty ones, at least one for each conformance test."""

from __future__ import annotations

from dataclasses import replace

from foreword.domain.dataset import Row
from foreword.domain.parameters import ParameterSpec
from foreword.domain.report import Finding, MetricSpec, Severity
from foreword.plugin.interfaces import LabelSpace, Scores, Suitability, Task, TaskCheck
from foreword.testing import TaskTests

ROWS = [Row(number=number, input=f"say {number}", output=f"Word{number % 3}") for number in range(1, 13)]


class Check(TaskCheck):
    def __init__(self, *findings):
        self.findings = findings

    def row(self, row):
        pass

    def finish(self):
        return self.findings, ()


class Shout(Task):
    id = "shout"
    display_name = "Shout"
    description = "Answers in upper case."
    metrics = (MetricSpec(id="same", display_name="Same", description="Share of equal answers, in [0, 1]."),)
    main_metric = "same"
    closed = True

    def fit(self, rows, options):
        return {"words": sorted({row.output.upper() for row in rows})}

    def start(self, options):
        return Check()

    def target(self, output, schema):
        return output.upper()

    def score(self, answers, references, schema):
        same = sum(a.text == b.upper() for a, b in zip(answers, references, strict=True))
        return Scores(metrics={"same": same / max(1, len(references))})

    def row_statistics(self, answer, reference, schema):
        return [1.0, float(answer.text == reference.upper())]

    def metrics_of_sums(self, sums, schema):
        return {"same": sums[1] / max(1.0, sums[0])}

    def label_space(self, schema):
        seen = tuple((word,) for word in schema.get("seen", schema["words"]))
        return LabelSpace(labels=tuple(schema["words"]), separator=", ", multi_label=False, label_sets=seen)

    def trained_schema(self, schema, rows):
        return {**schema, "seen": sorted({row.output.upper() for row in rows})}


class Nameless(Shout):
    id = "Shout it"


class UndeclaredMain(Shout):
    main_metric = "loudness"


class WrongDefault(Shout):
    options = (ParameterSpec(name="level", description="How loud.", type="int", minimum=0, maximum=3, default=9),)


class LabelsAsText(Shout):
    options = (ParameterSpec(name="labels", description="The words.", type="string"),)


class TakesNoOptions(Shout):
    def fit(self, rows):
        return super().fit(rows, None)


class OtherDefault(Shout):
    options = (ParameterSpec(name="level", description="How loud.", type="int", default=1),)

    def fit(self, rows, options):
        return {**super().fit(rows, options), "level": (options.extra or {}).get("level", 2)}


class NoInput(Shout):
    default_verbalizer = "Say it: {{text}}"


class TupleSchema(Shout):
    def fit(self, rows, options):
        return {"words": tuple(sorted({row.output.upper() for row in rows}))}


class Remembering(Shout):
    def fit(self, rows, options):
        self.words = {*getattr(self, "words", set()), *(row.output.upper() for row in rows)}
        return {"words": sorted(self.words)}


class TargetOfTheLastFit(Shout):
    def fit(self, rows, options):
        self.count = len(rows)
        return super().fit(rows, options)

    def target(self, output, schema):
        return output.upper() if getattr(self, "count", 99) > 1 else output


class NotWithoutRows(Shout):
    def fit(self, rows, options):
        return {**super().fit(rows, options), "longest": max(len(row.output) for row in rows)}


class TooSure(Shout):
    def suits(self, rows, options):
        return Suitability(score=2.0, reason=f"{len(rows)} rows are loud")


class NoReason(Shout):
    def suits(self, rows, options):
        return Suitability(score=0.4, reason="")


class SuitsEverything(Shout):
    def suits(self, rows, options):
        return Suitability(score=0.9, reason=f"{len(rows)} rows are loud")


class NotForOneRow(Shout):
    def suits(self, rows, options):
        return Suitability(score=0.4 if rows[1].output else 0.3, reason="the second row is loud")


class GrowingTarget(Shout):
    def target(self, output, schema):
        return f"{output.upper()}!"


class EmptyTarget(Shout):
    def target(self, output, schema):
        return ""


class MissingMetric(Shout):
    metrics = (*Shout.metrics, MetricSpec(id="loud", display_name="Loud", description="How loud."))


class InfiniteMetric(Shout):
    def score(self, answers, references, schema):
        same = super().score(answers, references, schema).metrics["same"]
        return Scores(metrics={"same": same if references else float("nan")})


class WorseIsBetter(Shout):
    metrics = tuple(replace(metric, higher_is_better=False) for metric in Shout.metrics)


class Fragile(Shout):
    def score(self, answers, references, schema):
        for answer in answers:
            assert not answer.text or answer.text[0] != " "
        return super().score(answers, references, schema)


class AnythingGoes(Shout):
    def score(self, answers, references, schema):
        said = sum(bool(answer.text) for answer in answers)
        return Scores(metrics={"same": said / max(1, len(references))})


class CountsProbabilities(Shout):
    def score(self, answers, references, schema):
        return Scores(metrics={"same": sum(answer.probability or 0.0 for answer in answers) / max(1, len(answers))})


class NeedsProbabilities(Shout):
    def score(self, answers, references, schema):
        assert all(answer.probability > 0 for answer in answers)
        return super().score(answers, references, schema)


class OtherMetricOfSums(Shout):
    def metrics_of_sums(self, sums, schema):
        return {"same": sums[1]}


class OtherRowStatistics(Shout):
    def row_statistics(self, answer, reference, schema):
        return [1.0, float(answer.text.upper() != reference.upper())]


class StatisticsOfSomeRows(Shout):
    def row_statistics(self, answer, reference, schema):
        return super().row_statistics(answer, reference, schema) if answer.text.strip() else None


class StatisticsOfUnequalLength(Shout):
    def row_statistics(self, answer, reference, schema):
        return [*super().row_statistics(answer, reference, schema), *[0.0] * len(answer.text)]


class InfiniteStatistics(Shout):
    def row_statistics(self, answer, reference, schema):
        return [1.0, float(answer.text == reference.upper()) or float("nan")]


class StatisticsWithoutMetrics(Shout):
    def metrics_of_sums(self, sums, schema):
        return {}


class NoMetricsWithoutRows(Shout):
    def metrics_of_sums(self, sums, schema):
        return {"same": sums[1] / sums[0] if sums[0] else 1.0}


class UndeclaredMetricOfSums(Shout):
    def metrics_of_sums(self, sums, schema):
        return {**super().metrics_of_sums(sums, schema), "loudness": 0.0}


class EvaluationSchemaOfTheRows(Shout):
    def target(self, output, schema):
        return output.upper() if schema["words"][0] == "WORD0" else output

    def evaluation_schema(self, rows, schemas):
        return {"words": ["ANY"]}


class EvaluationSchemaOfTuples(Shout):
    def evaluation_schema(self, rows, schemas):
        return {"words": tuple(sorted({row.output.upper() for row in rows}))}


class NoEvaluationWithoutSchemas(Shout):
    def evaluation_schema(self, rows, schemas):
        return schemas[0]


class ReadsEvaluatedRowsTwice(Shout):
    def evaluation_schema(self, rows, schemas):
        words = sorted({row.output.upper() for row in rows})
        return {"words": words, "count": sum(1 for _ in rows)}


class ReadsOnlyWords(Shout):
    def read_answer(self, text, schema):
        return schema["words"][schema["words"].index(text)]


class ReadsInLowerCase(Shout):
    def read_answer(self, text, schema):
        return text.lower()


class NoRemedy(Shout):
    def start(self, options):
        return Check(Finding(severity=Severity.WARNING, code="QUIET", message="Too quiet."))


class UnknownRow(Shout):
    def start(self, options):
        return Check(Finding(severity=Severity.INFO, code="QUIET", message="Quiet.", rows=(99,), row_count=1))


class Hoarding(Shout):
    def start(self, options):
        check = Check()
        check.rows = []
        check.row = lambda row: check.rows.append(row.input)
        return check


class TwicePerFit(Shout):
    def fit(self, rows, options):
        return {"words": sorted({row.output.upper() for row in rows}), "count": sum(1 for _ in rows)}


class OpenThoughClosed(Shout):
    def label_space(self, schema):
        return None


class SpaceWithoutSome(Shout):
    def label_space(self, schema):
        space = super().label_space(schema)
        return replace(space, labels=space.labels[1:], label_sets=space.label_sets[1:])


class SpaceInLowerCase(Shout):
    def label_space(self, schema):
        words = (*schema["words"], "quiet")
        return LabelSpace(labels=words, separator=", ", multi_label=False, label_sets=tuple((word,) for word in words))


class RememberingHeldOut(Shout):
    def trained_schema(self, schema, rows):
        return schema


class ForgettingLabels(Shout):
    def trained_schema(self, schema, rows):
        return self.fit(rows, None)


BROKEN = {
    "test_it_describes_itself_its_options_and_its_metrics": (Nameless, UndeclaredMain, WrongDefault, LabelsAsText),
    "test_its_methods_take_what_the_service_passes": (TakesNoOptions,),
    "test_an_unset_option_acts_like_its_default": (OtherDefault,),
    "test_its_template_contains_the_input": (NoInput,),
    "test_its_schema_survives_json": (TupleSchema,),
    "test_it_keeps_no_state_of_other_data": (Remembering, TargetOfTheLastFit),
    "test_options_without_rows_are_accepted_or_refused_with_the_field": (NotWithoutRows,),
    "test_it_rates_rows_without_a_named_task": (TooSure, NoReason, SuitsEverything, NotForOneRow),
    "test_a_target_is_its_own_target": (GrowingTarget, EmptyTarget),
    "test_it_returns_every_metric_that_it_declares_and_no_other": (MissingMetric, InfiniteMetric),
    "test_right_answers_score_better_than_wrong_ones": (WorseIsBetter,),
    "test_text_that_is_not_an_answer_counts_as_wrong_and_raises_no_error": (Fragile, AnythingGoes),
    "test_its_main_metric_is_the_same_with_and_without_probabilities": (CountsProbabilities, NeedsProbabilities),
    "test_its_metrics_follow_from_the_sums_of_its_row_statistics": (
        OtherMetricOfSums,
        OtherRowStatistics,
        StatisticsOfSomeRows,
        StatisticsOfUnequalLength,
        InfiniteStatistics,
        StatisticsWithoutMetrics,
        NoMetricsWithoutRows,
        UndeclaredMetricOfSums,
    ),
    "test_its_evaluation_schema_scores_the_rows_of_all_models": (
        EvaluationSchemaOfTheRows,
        EvaluationSchemaOfTuples,
        NoEvaluationWithoutSchemas,
        ReadsEvaluatedRowsTwice,
    ),
    "test_it_reads_a_target_as_itself_and_any_text_without_an_error": (ReadsOnlyWords, ReadsInLowerCase),
    "test_its_findings_name_rows_and_remedies": (NoRemedy, UnknownRow),
    "test_its_check_keeps_little_memory_per_row": (Hoarding,),
    "test_it_reads_rows_only_once": (TwicePerFit,),
    "test_its_label_space_contains_every_target": (OpenThoughClosed, SpaceWithoutSome, SpaceInLowerCase),
    "test_a_schema_trained_on_some_rows_has_all_labels_but_only_their_answers": (RememberingHeldOut, ForgettingLabels),
}


def case_of(task: type[Task]) -> TaskTests:
    class Case(TaskTests):
        def make_task(self):
            return task()

        def rows(self):
            return ROWS

    return Case()
