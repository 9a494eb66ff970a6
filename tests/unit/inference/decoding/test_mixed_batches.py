from __future__ import annotations

import pytest
import torch
from peft import PromptTuningConfig, get_peft_model

from factories.near_ties import assert_same_answer
from factories.serving import decode_rows, load_adapter, prompt_vectors
from factories.tiny_models import CONTEXT_TOKENS, SHAPES, tiny_model
from foreword.domain.inference import GenerateParameters, StopReason
from foreword.inference.decoding.decode_batch import DecodeBatch
from foreword.inference.decoding.rows import DecodeRow
from foreword.inference.runner import ModelRunner, TextRow
from foreword.plugin.contributions import Embeds

TEXTS = (
    "Where are the 2 extra sets of sheets that are supposed to come with my order?",
    "Long wait.",
    "I could not get someone on the phone who could fix my problems!",
    "Box",
)


def _rows(runner: ModelRunner, **parameters) -> list[DecodeRow]:
    """Return rows with long, short and no prompts, with and without factors, texts and answers of different lengths."""
    kinds = [(0, False), (5, False), (17, False), (0, True), (6, True)]
    adapters = [load_adapter(runner, length, seed, scaled=scaled) for seed, (length, scaled) in enumerate(kinds)]
    return [
        DecodeRow(
            ids=runner.tokenize(text),
            adapter=adapter,
            parameters=GenerateParameters(
                **{"max_new_tokens": 6 + number, "min_new_tokens": 4, "seed": number, **parameters}
            ),
        )
        for number, (text, adapter) in enumerate((text, adapter) for text in TEXTS for adapter in adapters)
    ]


@pytest.mark.parametrize("sample", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_an_answer_in_a_mixed_batch_equals_the_one_given_alone(shape, sample):
    runner = ModelRunner(tiny_model(shape))
    rows = _rows(runner, sample=sample)

    alone = [decode_rows(runner, [row])[0] for row in rows]
    together = decode_rows(runner, rows)
    one_by_one = decode_rows(runner, rows, arrive_every=2)

    for row, expected, *found in zip(rows, alone, together, one_by_one, strict=True):
        for item in found:
            assert_same_answer(runner, row, item, alone=expected)
    assert len({item.ids for item in alone}) > len(rows) // 2, "the test models must not answer everything alike"


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")  # PEFT asks transformers
@pytest.mark.filterwarnings("ignore:Position ids are not supported:UserWarning")  # PEFT passes them itself
@pytest.mark.parametrize("shape", SHAPES)
def test_a_prompt_gives_the_tokens_that_peft_gives(shape):
    model = tiny_model(shape)
    runner = ModelRunner(model)
    vectors_PD = prompt_vectors(7, seed=3)
    prompt = runner.load_adapter([Embeds(vectors_PD=vectors_PD)])
    rows = [
        DecodeRow(ids=runner.tokenize(text), adapter=prompt, parameters=GenerateParameters(max_new_tokens=10))
        for text in TEXTS
    ]

    ours = [item.ids for item in decode_rows(runner, rows)]

    causal = shape in ("llama", "gpt2")
    adapted = get_peft_model(
        tiny_model(shape).module,
        PromptTuningConfig(
            task_type="CAUSAL_LM" if causal else "SEQ_2_SEQ_LM",
            num_virtual_tokens=7,
            num_transformer_submodules=1,
            token_dim=vectors_PD.shape[1],
            num_layers=2,
            num_attention_heads=2,
        ),
    ).eval()
    adapted.prompt_encoder["default"].embedding.weight.data.copy_(vectors_PD)
    theirs = []
    for row in rows:
        input_ids = torch.tensor([row.ids])
        with torch.inference_mode():
            output = adapted.generate(
                input_ids=input_ids,
                attention_mask=torch.ones_like(input_ids),
                max_new_tokens=10,
                do_sample=False,
                pad_token_id=0,
            )[0].tolist()
        # Decoders answer after their start token; causal models after the text, which PEFT repeats or not.
        output = output[1:] if not causal else output[len(row.ids) :] if output[: len(row.ids)] == row.ids else output
        end = output.index(2) + 1 if 2 in output else len(output)
        theirs.append(tuple(output[:end]))
    assert ours == theirs


@pytest.mark.parametrize("shape", SHAPES)
def test_no_prompt_gives_the_tokens_that_plain_generate_gives(shape):
    model = tiny_model(shape)
    runner = ModelRunner(model)
    answers = runner.generate([TextRow(text=text, parameters=GenerateParameters(max_new_tokens=10)) for text in TEXTS])

    for text, found in zip(TEXTS, answers, strict=True):
        input_ids = torch.tensor([runner.tokenize(text)])
        output = model.module.generate(
            input_ids=input_ids,
            attention_mask=torch.ones_like(input_ids),
            max_new_tokens=10,
            do_sample=False,
            pad_token_id=0,
        )[0]
        expected = output[1:] if model.module.config.is_encoder_decoder else output[input_ids.shape[1] :]
        text_expected = model.tokenizer.decode(expected, skip_special_tokens=True).removeprefix(" ")
        assert found.text == text_expected.rstrip("\ufffd")


@pytest.mark.parametrize("shape", SHAPES)
def test_rows_that_leave_early_do_not_disturb_the_others(shape):
    runner = ModelRunner(tiny_model(shape))
    rows = _rows(runner)
    alone = [decode_rows(runner, [row])[0].ids for row in rows]

    with torch.inference_mode():
        batch = DecodeBatch(runner.network)
        new, events = batch.join(rows)
        events += batch.step()
        events += batch.remove([new[0], new[5], new[11]], StopReason.CANCELLED)
        while batch.rows:
            events += batch.step()

    found = {event.row: event.final for event in events if event.final}
    for place in (0, 5, 11):
        assert found[new[place]].stop_reason is StopReason.CANCELLED
        assert found[new[place]].ids == alone[place][:2]
    rest = [place for place in range(len(rows)) if place not in (0, 5, 11)]
    assert [found[new[place]].ids for place in rest] == [alone[place] for place in rest]


@pytest.mark.parametrize("shape", SHAPES)
def test_the_storage_shrinks_again_when_long_rows_leave(shape):
    runner = ModelRunner(tiny_model(shape))
    long = DecodeRow(ids=runner.tokenize("word " * 60), parameters=GenerateParameters(max_new_tokens=3))
    short = DecodeRow(ids=runner.tokenize("word"), parameters=GenerateParameters(max_new_tokens=30, min_new_tokens=30))

    with torch.inference_mode():
        batch = DecodeBatch(runner.network)
        batch.join([long, short])
        for _ in range(4):
            batch.step()

    sequences = batch._sequences
    columns = max(sequences.seen_BK.shape[1], 0 if sequences.source_BS is None else sequences.source_BS.shape[1])
    assert len(batch) == 1
    assert columns < 20


@pytest.mark.parametrize("shape", SHAPES)
def test_the_base_model_stays_unchanged(shape):
    model = tiny_model(shape)
    runner = ModelRunner(model)
    runner.generate([TextRow(text="Hello", adapter=load_adapter(runner, 4, scaled=True)), TextRow(text="Hello")])

    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.module.modules())


@pytest.mark.parametrize("shape", SHAPES)
def test_the_minimum_and_maximum_number_of_tokens_are_respected(shape):
    runner = ModelRunner(tiny_model(shape))
    [found] = runner.generate(
        [TextRow(text="Hello", parameters=GenerateParameters(min_new_tokens=9, max_new_tokens=9))]
    )
    assert found.generated_tokens == 9
    assert found.stop_reason is StopReason.MAX_TOKENS


@pytest.mark.parametrize("shape", ["llama", "gpt2"])
def test_an_answer_ends_where_the_context_ends(shape):
    runner = ModelRunner(tiny_model(shape))
    prompt = load_adapter(runner, 20)
    parameters = GenerateParameters(min_new_tokens=100, max_new_tokens=500)
    [found] = runner.generate([TextRow(text="word " * 80, adapter=prompt, parameters=parameters)])
    assert found.input_tokens + 20 + found.generated_tokens == CONTEXT_TOKENS
