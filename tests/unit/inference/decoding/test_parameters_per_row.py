"""Every row of a batch goes by its own parameters, as it would alone."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from factories.examples import examples
from factories.near_ties import assert_same_answer
from factories.serving import decode_rows, load_adapter
from factories.tiny_models import SHAPES, tiny_model
from foreword.domain.inference import GenerateParameters, LengthPenalty, ReturnOptions
from foreword.inference.decoding.decode_batch import DecodeBatch
from foreword.inference.decoding.rows import DecodeRow
from foreword.inference.decoding.token_details import TokenDetail
from foreword.inference.runner import ModelRunner

TEXTS = ("Where are the 2 extra sets of sheets?", "Long wait.", "word " * 30, "Box")
CAUSAL = ("llama", "gpt2")
RUNNERS = {shape: ModelRunner(tiny_model(shape)) for shape in ("bart", "llama")}


@st.composite
def parameters(draw: st.DrawFn) -> GenerateParameters:
    """Draw parameters; each keeps its default about half the time."""
    values: dict[str, object] = {"seed": draw(st.integers(0, 9))}

    def maybe(name: str, strategy: st.SearchStrategy[object]) -> None:
        if draw(st.booleans()):
            values[name] = draw(strategy)

    most = draw(st.integers(1, 12))
    values["max_new_tokens"] = most
    maybe("sample", st.just(True))
    maybe("temperature", st.floats(0.2, 2))
    maybe("top_k", st.integers(0, 50))
    maybe("top_p", st.floats(0.1, 1))
    maybe("min_new_tokens", st.integers(0, most))
    maybe("repetition_penalty", st.floats(1, 2))
    maybe("length_penalty", st.builds(LengthPenalty, decay_factor=st.floats(1.01, 10), start_index=st.integers(0, 6)))
    maybe("stop_sequences", st.just(("or", "e")))
    maybe("truncate_input_tokens", st.integers(3, 12))
    maybe(
        "return_options",
        st.builds(
            ReturnOptions,
            input_tokens=st.booleans(),
            generated_tokens=st.booleans(),
            token_log_probabilities=st.just(True),
            top_n_tokens=st.integers(0, 3),
        ),
    )
    return GenerateParameters(**values)


def make_row(runner: ModelRunner, text: str, prompt: int, chosen: GenerateParameters) -> DecodeRow:
    return DecodeRow(
        ids=runner.input_ids(text, chosen.truncate_input_tokens),
        adapter=load_adapter(runner, prompt, seed=prompt),
        parameters=chosen,
    )


def ids_of_top(detail: TokenDetail) -> list[int]:
    return [token for token, _ in detail.top]


@settings(max_examples=examples(12))
@given(
    chosen=st.lists(
        st.tuples(st.sampled_from(TEXTS), st.sampled_from([0, 3, 9]), parameters()), min_size=2, max_size=7
    ),
    arrive_every=st.integers(0, 2),
)
@pytest.mark.parametrize("shape", list(RUNNERS))
def test_an_answer_in_a_batch_of_any_parameters_equals_the_one_given_alone(shape, chosen, arrive_every):
    runner = RUNNERS[shape]
    rows = [make_row(runner, *item) for item in chosen]

    together = decode_rows(runner, rows, arrive_every=arrive_every)

    for row, found in zip(rows, together, strict=True):
        assert_same_answer(runner, row, found)


def plain_generate(shape: str, runner: ModelRunner, text: str, **options: object) -> tuple[int, ...]:
    """Return the tokens of transformers' own `generate`, without start token and input."""
    input_ids = torch.tensor([runner.tokenize(text)])
    with torch.inference_mode():
        output = runner.model.module.generate(
            input_ids=input_ids,
            attention_mask=torch.ones_like(input_ids),
            max_new_tokens=16,
            do_sample=False,
            pad_token_id=0,
            **options,
        )[0].tolist()
    return tuple(output[input_ids.shape[1] :] if shape in CAUSAL else output[1:])


@pytest.mark.parametrize("shape", SHAPES)
def test_a_repetition_penalty_gives_the_tokens_that_plain_generate_gives(shape):
    runner = ModelRunner(tiny_model(shape))
    text = "Long wait. Long wait."
    with_penalty = GenerateParameters(max_new_tokens=16, repetition_penalty=1.8)
    (found,) = decode_rows(runner, [make_row(runner, text, 0, with_penalty)])
    (without,) = decode_rows(runner, [make_row(runner, text, 0, GenerateParameters(max_new_tokens=16))])

    assert found.ids == plain_generate(shape, runner, text, repetition_penalty=1.8)
    assert found.ids != without.ids


@pytest.mark.parametrize("shape", SHAPES)
def test_a_length_penalty_ends_where_plain_generate_ends(shape):
    runner = ModelRunner(tiny_model(shape))
    penalty = LengthPenalty(decay_factor=1.9, start_index=3)
    (found,) = decode_rows(
        runner, [make_row(runner, "Box", 0, GenerateParameters(max_new_tokens=16, length_penalty=penalty))]
    )

    assert found.ids == plain_generate(shape, runner, "Box", exponential_decay_length_penalty=(3, 1.9))
    assert 3 < len(found.ids) < 16


@torch.inference_mode()
def full_pass(shape: str, runner: ModelRunner, ids: list[int], answer: tuple[int, ...]) -> torch.Tensor:
    """Return log-probabilities after every token in one plain pass, `[N, V]`: of input and answer, or of the answer."""
    module = runner.model.module
    if shape in CAUSAL:
        return module(input_ids=torch.tensor([[*ids, *answer]])).logits[0].log_softmax(dim=-1)
    start = module.config.decoder_start_token_id
    return (
        module(input_ids=torch.tensor([ids]), decoder_input_ids=torch.tensor([[start, *answer]]))
        .logits[0]
        .log_softmax(dim=-1)
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_details_of_generated_tokens_are_the_models_own_whatever_changes_its_choice(shape):
    runner = ModelRunner(tiny_model(shape))
    options = ReturnOptions(generated_tokens=True, token_log_probabilities=True, token_ranks=True, top_n_tokens=3)
    chosen = GenerateParameters(
        max_new_tokens=8, sample=True, temperature=1.9, top_k=50, repetition_penalty=1.5, seed=4, return_options=options
    )
    row = make_row(runner, "Long wait.", 0, chosen)

    (found,) = decode_rows(runner, [row])

    offset = len(row.ids) - 1 if shape in CAUSAL else 0
    log_probs = full_pass(shape, runner, list(row.ids), found.ids)[offset : offset + len(found.ids)]
    expected = log_probs[range(len(found.ids)), list(found.ids)]
    assert [item.log_probability for item in found.details] == pytest.approx(expected.tolist(), abs=1e-4)
    assert [item.rank for item in found.details] == ((log_probs > expected[:, None]).sum(dim=-1) + 1).tolist()
    assert [ids_of_top(item) for item in found.details] == log_probs.topk(3).indices.tolist()
    assert max(item.rank for item in found.details) > 1, "a draw that is always the likeliest would prove nothing"


@pytest.mark.parametrize("words", [3, 100])
def test_details_of_a_causal_models_input_begin_with_its_second_token(words):
    runner = ModelRunner(tiny_model("llama"))
    options = ReturnOptions(input_tokens=True, token_log_probabilities=True, top_n_tokens=1)
    row = make_row(runner, "word " * words, 0, GenerateParameters(max_new_tokens=1, return_options=options))

    (found,) = decode_rows(runner, [row])

    log_probs = full_pass("llama", runner, list(row.ids), ())
    expected = log_probs[range(len(row.ids) - 1), list(row.ids[1:])].tolist()
    assert [item.log_probability for item in found.input_details] == pytest.approx(expected, abs=1e-4)


def test_an_encoder_decoder_has_no_details_of_its_input():
    runner = ModelRunner(tiny_model("bart"))
    options = ReturnOptions(input_tokens=True, token_log_probabilities=True)
    row = make_row(runner, "Box", 0, GenerateParameters(max_new_tokens=1, return_options=options))

    assert decode_rows(runner, [row])[0].input_details == ()


def test_a_row_without_special_parameters_causes_no_extra_cost():
    runner = ModelRunner(tiny_model("llama"))
    batch = DecodeBatch(runner.network)
    plain = GenerateParameters(max_new_tokens=8, min_new_tokens=8)
    penalized = GenerateParameters(max_new_tokens=2, min_new_tokens=2, repetition_penalty=1.5)
    with torch.inference_mode():
        batch.join([make_row(runner, "Box", 0, plain)])
        assert batch._choice.seen_BV.shape == (1, 0)
        batch.join([make_row(runner, "Box", 0, penalized)])
        assert batch._choice.seen_BV.shape == (2, 16_000)
        batch.step()
    assert len(batch) == 1
    assert batch._choice.seen_BV.shape == (1, 0)
