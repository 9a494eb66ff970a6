from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from factories.runs import OUTPUTS, make_parameters, make_plan_of, make_rows
from factories.tiny_models import HIDDEN_SIZE, tiny_model
from foreword.domain.dataset import Row
from foreword.domain.experiment import TaskOptions
from foreword.domain.suspect_rows import MAX_SUSPECT_ROWS, SuspectRows
from foreword.evaluation.suspects import find_suspect_rows
from foreword.inference.runner import ModelRunner
from foreword.network.answer_loss import AnswerLoss
from foreword.plugin.contributions import Embeds
from foreword.tuning.batches import encode_rows
from foreword_tasks.classification import Classification
from foreword_tasks.generation import Generation

ROWS = make_rows(60)
PLAN = make_plan_of(ROWS, make_parameters(max_input_tokens=60, max_output_tokens=8))
PROMPT = (Embeds(vectors_PD=torch.randn(4, HIDDEN_SIZE, generator=torch.Generator().manual_seed(0))),)


def find(datasets, shape="bart", task=None, **changes) -> SuspectRows:
    task = task or Classification()
    plan = replace(PLAN, schema=task.fit(ROWS, TaskOptions()))
    arguments = {
        "runner": ModelRunner(tiny_model(shape)), "task": task, "plan": plan, "verbalizer": "classify: {{input}}",
        "datasets": datasets, "contributions": PROMPT, **changes,
    }  # fmt: skip
    return find_suspect_rows(**arguments)


@pytest.mark.parametrize("shape", ["bart", "llama"])
def test_a_row_that_contradicts_all_rows_like_it_is_the_first_suspect(shape):
    about = {"Planning": "the advertised lid", "Service": "a call that nobody answered"}
    rows = [
        Row(number=number, input=f"Complaint about {about[label]} {'again ' * (number % 3)}", output=label)
        for number, label in enumerate([*about] * 20, start=1)
    ]
    rows[6] = replace(rows[6], output="Service")

    found = find({"d": rows}, shape)

    assert (found.rows[0].row, found.rows[0].output, found.rows[0].prediction) == (7, "Service", "Planning")
    assert found.rows[0].loss > 0.5  # nearer to the other label


def test_suspects_are_sorted_by_loss_and_have_another_answer():
    found = find({"d": ROWS})

    assert 0 < len(found.rows) <= MAX_SUSPECT_ROWS
    assert (found.examined_row_count, found.row_count) == (60, 60)
    assert [item.loss for item in found.rows] == sorted((item.loss for item in found.rows), reverse=True)
    for item in found.rows:
        row = ROWS[item.row - 1]
        assert (item.dataset, item.input, item.output) == ("d", row.input, row.output)
        assert item.prediction != row.output


def test_the_answer_that_fits_better_is_one_that_the_tuned_model_may_give():
    found = find({"d": ROWS})

    assert {item.prediction for item in found.rows} <= {*OUTPUTS}


def test_a_label_that_only_a_validation_row_has_is_suspect():
    odd = Row(number=1, input=ROWS[0].input, output="Legal")

    found = find({"d": ROWS, "v": [odd]})

    assert (found.rows[0].dataset, found.rows[0].row) == ("v", 1)


def test_rows_of_the_validation_dataset_are_named_by_their_own_dataset_and_number():
    validation = [replace(row, input=f"Other {row.input}") for row in ROWS[:20]]

    found = find({"d": ROWS[:4], "v": validation})

    assert found.row_count == 24
    assert {item.dataset for item in found.rows} <= {"d", "v"}
    contents = {"d": ROWS[:4], "v": validation}
    assert all(item.input == contents[item.dataset][item.row - 1].input for item in found.rows)
    assert "v" in {item.dataset for item in found.rows}


def test_many_rows_are_sampled_evenly_and_the_result_says_so():
    found = find({"d": ROWS}, most_examined=6)

    assert (found.examined_row_count, found.row_count) == (6, 60)
    assert {item.row for item in found.rows} <= {6, 16, 26, 36, 46, 56}


@pytest.mark.parametrize("shape", ["bart", "llama"])
def test_free_text_is_ranked_by_the_loss_per_token_of_the_tuned_model(shape):
    found = find({"d": ROWS}, shape, task=Generation())

    model = tiny_model(shape)
    encoded = encode_rows(ROWS, model=model, task=Generation(), plan=PLAN, verbalizer="classify: {{input}}")
    with torch.inference_mode():
        losses = [float(AnswerLoss(model).nats([row], [PROMPT], [0])) / len(row.target_ids) for row in encoded]
    assert len(found.rows) == MAX_SUSPECT_ROWS
    assert all(item.prediction != item.output for item in found.rows)
    assert [item.loss for item in found.rows] == pytest.approx([losses[item.row - 1] for item in found.rows], rel=1e-4)
    assert found.rows[0].loss == pytest.approx(max(losses), rel=1e-4)


def test_a_search_can_be_stopped():
    def stop() -> None:
        raise RuntimeError("stopped")

    for task in (Classification(), Generation()):
        with pytest.raises(RuntimeError, match="stopped"):
            find({"d": ROWS}, task=task, check=stop)
