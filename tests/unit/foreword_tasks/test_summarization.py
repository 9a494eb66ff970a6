"""Summarization."""

from __future__ import annotations

import pytest

from factories.tasks import answers, checked
from foreword.domain.dataset import Row
from foreword.domain.experiment import TaskOptions
from foreword.domain.report import Severity
from foreword.errors import InvalidArgumentError
from foreword.plugin.task_options import check_task_options
from foreword_tasks.summarization import Summarization, words

TASK = Summarization()
TEXT = "The lid of the box was cracked and two screws were missing when the parcel came."


def rows(*pairs: tuple[str, str]) -> list[Row]:
    return [Row(number=number, input=input, output=output) for number, (input, output) in enumerate(pairs, start=1)]


def codes(*pairs: tuple[str, str]) -> dict[str, Severity]:
    return {finding.code: finding.severity for finding in checked(TASK, rows(*pairs))[0]}


def test_summaries_keep_case_and_line_breaks_and_have_a_template_of_their_own() -> None:
    assert TASK.target(" A\nb ", TASK.fit([], TaskOptions())) == " A\nb "
    assert TASK.default_verbalizer == "summarize: {{input}}"
    assert TASK.label_space({}) is None


def test_shared_words_pairs_and_sequences_are_counted() -> None:
    found = TASK.score(answers("Cracked lid, missing screws"), ["missing screws and cracked lid"], {}).metrics

    assert found["rouge_1"] == pytest.approx(2 * 4 / 9)  # four of four words, four of five
    assert found["rouge_2"] == pytest.approx(2 * 2 / 7)  # two of three pairs, two of four
    assert found["rouge_l"] == pytest.approx(2 * 2 / 9)  # two in a row, of four and of five


def test_figures_are_means_over_the_rows_in_any_script() -> None:
    assert TASK.score(answers("Käse reif", "x"), ["käse reif", "y"], {}).metrics["rouge_1"] == 0.5
    assert TASK.score(answers("箱の蓋"), ["箱の蓋"], {}).metrics["rouge_2"] == 1.0
    assert TASK.score(answers(""), ["a lid"], {}).metrics == {"rouge_1": 0.0, "rouge_2": 0.0, "rouge_l": 0.0}
    assert TASK.score(answers(), [], {}).metrics == {"rouge_1": 0.0, "rouge_2": 0.0, "rouge_l": 0.0}


def test_words_are_those_of_any_script() -> None:
    assert words("Über-reif, isn't it? 漢字ok") == ["über", "reif", "isn", "t", "it", "漢", "字", "ok"]


def test_summaries_that_are_no_shorter_are_named_by_row() -> None:
    found = checked(TASK, rows((TEXT, "Cracked lid."), ("Too late.", "The parcel came far too late.")))[0]

    assert [(finding.code, finding.rows, finding.row_count) for finding in found] == [("SUMMARY_NOT_SHORTER", (2,), 1)]
    assert found[0].message == "1 of 2 summaries have at least as many words as their texts."


def test_many_copied_summaries_are_a_warning_and_a_few_are_a_note() -> None:
    copied, own = (TEXT, "Two  screws were missing"), (TEXT, "Broken lid, screws not there")

    assert codes(copied, copied, own, own, (TEXT, "Damaged goods")) == {"SUMMARY_COPIED": Severity.INFO}
    assert codes(copied, (TEXT, "the lid of the box"), own) == {"SUMMARY_COPIED": Severity.WARNING}
    assert codes(own, (TEXT, "the box was crack")) == {}  # ends within a word of the text


def test_summaries_that_are_all_the_same_are_warned_about() -> None:
    assert codes((TEXT, "Broken."), (f"{TEXT} Again.", "Broken.")) == {"ONE_OUTPUT": Severity.WARNING}


def test_the_lengths_of_summaries_are_reported() -> None:
    (part,) = checked(TASK, rows((TEXT, "Cracked lid"), (TEXT, TEXT)))[1]

    assert sum(part.content.counts) == 2
    assert part.content.counts[1] == part.content.counts[-1] == 1


def test_options_of_classification_are_refused_by_name() -> None:
    with pytest.raises(InvalidArgumentError, match="multi_label: is not an option of the task summarization"):
        check_task_options(TASK, TaskOptions(multi_label=True))
