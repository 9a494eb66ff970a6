"""Generation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sacrebleu.metrics.chrf import CHRF

from factories.tasks import answers, checked
from foreword.domain.dataset import Row
from foreword.domain.experiment import TaskOptions
from foreword.errors import InvalidArgumentError
from foreword.plugin.task_options import check_task_options
from foreword_tasks.generation import Generation

TASK = Generation()


def test_outputs_are_targets_as_they_are() -> None:
    assert TASK.target(" A\nb ", TASK.fit([], TaskOptions())) == " A\nb "
    assert TASK.label_space({}) is None


def test_right_texts_score_one_and_others_by_their_characters() -> None:
    right = TASK.score(answers("Thank you.\n"), ["Thank you."], {}).metrics
    close = TASK.score(answers("Thank you!"), ["Thank you."], {}).metrics
    wrong = TASK.score(answers("xyz"), ["Thank you."], {}).metrics

    assert right == {"exact_match": 1.0, "chrf": pytest.approx(1.0, abs=0.1)}
    assert close["exact_match"] == 0.0
    assert 0.5 < close["chrf"] < 1.0
    assert wrong["chrf"] < 0.1
    assert TASK.score(answers(), [], {}).metrics == {"exact_match": 0.0, "chrf": 0.0}


def test_options_of_classification_are_refused_by_name() -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        check_task_options(TASK, TaskOptions(labels=("A",), multi_label=True, separator="|"))

    assert [violation.field for violation in caught.value.violations] == [
        "task_options.labels",
        "task_options.multi_label",
        "task_options.separator",
    ]


def test_rows_with_one_and_the_same_output_are_warned_about() -> None:
    rows = [Row(number=number, input=str(number), output="yes") for number in (1, 2)]

    assert [finding.code for finding in checked(TASK, rows)[0]] == ["ONE_OUTPUT"]
    assert checked(TASK, rows[:1]) == ([], [])


def test_outputs_that_repeat_their_inputs_are_warned_about() -> None:
    rows = [Row(number=1, input="A  lid", output="a lid"), Row(number=2, input="b", output="c")]

    (finding,) = checked(TASK, rows)[0]

    assert (finding.code, finding.rows, finding.excerpt) == ("OUTPUT_IS_INPUT", (1,), "a lid")


def test_case_and_line_breaks_count() -> None:
    assert TASK.score(answers("DEAR\nyou"), ["DEAR\nyou"], {}).metrics["exact_match"] == 1.0
    assert TASK.score(answers("dear\nyou"), ["DEAR\nyou"], {}).metrics["exact_match"] == 0.0
    assert TASK.score(answers("DEAR you"), ["DEAR\nyou"], {}).metrics["exact_match"] == 0.0


@given(st.lists(st.tuples(st.text(), st.text()), min_size=1))
def test_chrf_is_that_of_sacrebleu_for_the_whole_corpus(pairs: list[tuple[str, str]]) -> None:
    texts, references = [text for text, _ in pairs], [reference for _, reference in pairs]

    metrics = TASK.score(answers(*texts), references, {}).metrics

    assert metrics["chrf"] == pytest.approx(CHRF().corpus_score(texts, [references]).score / 100)
