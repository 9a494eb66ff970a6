from __future__ import annotations

from copy import copy
from dataclasses import replace

import pytest

from factories.runs import make_parameters, make_plan_of, make_rows
from factories.tiny_models import tiny_model
from foreword.domain.dataset import Row
from foreword.evaluation.prompting import Prompting
from foreword.inference.runner import ModelRunner
from foreword.plugin.interfaces import EncodedRow
from foreword.tuning.batches import batch_order, encode_rows
from foreword_tasks.classification import Classification


def _row(num_input: int, num_target: int = 2) -> EncodedRow:
    return EncodedRow(input_ids=tuple(range(5, 5 + num_input)), target_ids=tuple(range(9, 9 + num_target)))


def test_an_epochs_order_depends_on_seed_and_epoch_only():
    rows = [_row(length % 13 + 1) for length in range(50)]

    assert batch_order(rows, batch_size=8, seed=1, epoch=2) == batch_order(rows, batch_size=8, seed=1, epoch=2)
    assert batch_order(rows, batch_size=8, seed=1, epoch=2) != batch_order(rows, batch_size=8, seed=1, epoch=3)
    assert batch_order(rows, batch_size=8, seed=1, epoch=2) != batch_order(rows, batch_size=8, seed=2, epoch=2)


def test_an_epoch_sees_every_row_once():
    rows = [_row(length % 13 + 1) for length in range(50)]

    order = batch_order(rows, batch_size=8, seed=0, epoch=0)

    assert sorted(place for batch in order for place in batch) == list(range(50))


def test_rows_of_similar_length_share_a_batch():
    rows = [_row(length) for length in range(1, 65)]

    order = batch_order(rows, batch_size=8, seed=0, epoch=0)

    padded = sum(max(rows[place].length for place in batch) * len(batch) for batch in order)
    unsorted = sum(max(rows[place].length for place in range(first, 64, 8)) * 8 for first in range(8))
    assert padded < 0.75 * unsorted


def test_answers_are_encoded_in_canonical_order_with_their_end_and_inputs_with_their_template():
    model, rows = tiny_model("bart"), make_rows(12)
    plan = make_plan_of(rows, make_parameters())

    encoded = encode_rows(rows, model=model, task=Classification(), plan=plan, verbalizer="classify {0, 1} {{input}}")

    tokenizer = model.tokenizer
    assert tokenizer.decode(encoded[0].input_ids) == f"<s> classify {{0, 1}} {rows[0].input}</s>"
    assert encoded[3].target_ids == (*tokenizer("Planning, Service", add_special_tokens=False).input_ids, 2)


@pytest.mark.parametrize("chat", [False, True])
@pytest.mark.parametrize("shape", ["bart", "llama"])
def test_training_and_evaluation_encode_a_row_alike_and_keep_the_end_of_its_template(shape, chat):
    model = tiny_model(shape)
    if chat:
        tokenizer = copy(model.tokenizer)
        tokenizer.chat_template = "Q: {{ messages[0].content }}\nA:"
        model = replace(model, spec=replace(model.spec, chat_template=True), tokenizer=tokenizer)
    runner, verbalizer = ModelRunner(model), "Complaint: {{input}}\nDepartments:"
    rows = [*make_rows(8), Row(number=9, input="Très long, " * 30 + "the end", output="Planning")]
    plan = make_plan_of(rows, make_parameters(max_input_tokens=40))

    encoded = encode_rows(rows, model=model, task=Classification(), plan=plan, verbalizer=verbalizer)

    prompting = Prompting(verbalizer=verbalizer, max_tokens=40)
    assert [list(row.input_ids) for row in encoded] == [runner.tokenize(prompting.text(row, runner)) for row in rows]
    read = model.tokenizer.decode(encoded[-1].input_ids, skip_special_tokens=True)
    assert "Complaint: Très long, Très" in read
    assert read.removesuffix("A:").rstrip().endswith("Departments:")
    assert 36 <= len(encoded[-1].input_ids) <= 40


def test_inputs_and_answers_are_truncated_to_the_limits_of_the_plan():
    model, rows = tiny_model("bart"), make_rows(12)
    plan = make_plan_of(rows, make_parameters(max_input_tokens=6, max_output_tokens=2))

    encoded = encode_rows(rows, model=model, task=Classification(), plan=plan, verbalizer="{{input}}")

    assert max(len(row.input_ids) for row in encoded) == 6
    assert all(row.input_ids[-1] == 2 for row in encoded)
    assert max(len(row.target_ids) for row in encoded) == 2
