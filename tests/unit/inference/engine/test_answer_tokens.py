"""The details of the tokens of an answer and of its input, and truncated inputs."""

from __future__ import annotations

import pytest

from factories.serving import SENTIMENT, Adapters, TinyBaseModel, answer, make_request, prompt_vectors, running_engine
from foreword.domain.inference import ReturnOptions
from foreword.errors import InvalidArgumentError

TEXT = "Where is my order?"
EVERYTHING = ReturnOptions(
    input_text=True,
    input_tokens=True,
    generated_tokens=True,
    token_log_probabilities=True,
    token_ranks=True,
    top_n_tokens=2,
)


async def final_of(engine, text: str = TEXT, **fields):
    return (await answer(engine, text, **fields))[1]


@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer_contains_the_requested_details(stream: bool):
    async with running_engine() as engine:
        final = await final_of(engine, stream=stream, parameters={"return_options": EVERYTHING})
        counted = await engine.tokenize("acme", "tiny--bart", TEXT, with_texts=True)

    assert final.input_text == TEXT
    assert tuple(token.text for token in final.input_tokens) == counted.texts
    assert len(final.generated_tokens) == final.usage.generated_tokens
    assert "".join(token.text for token in final.generated_tokens).strip().startswith(final.text[:3].strip())
    for token in final.generated_tokens:
        assert token.log_probability <= 0
        assert token.rank == 1
        assert token.top_tokens[0].id == token.id
        assert token.top_tokens[0].log_probability == pytest.approx(token.log_probability)
        assert token.top_tokens[1].log_probability <= token.log_probability


async def test_an_answer_contains_no_details_that_were_not_requested():
    only_ranks = ReturnOptions(generated_tokens=True, token_ranks=True)
    async with running_engine() as engine:
        plain = await final_of(engine)
        ranked = await final_of(engine, parameters={"return_options": only_ranks})

    assert (plain.input_text, plain.input_tokens, plain.generated_tokens) == (None, (), ())
    assert (ranked.input_text, ranked.input_tokens) == (None, ())
    assert {(token.log_probability, token.rank, token.top_tokens) for token in ranked.generated_tokens} == {
        (None, 1, ())
    }


async def test_a_causal_model_returns_details_of_all_input_tokens_but_the_first():
    async with running_engine(TinyBaseModel("llama")) as engine:
        final = await final_of(engine, base_model="tiny--llama", parameters={"return_options": EVERYTHING})

    first, *others = final.input_tokens
    assert (first.log_probability, first.rank, first.top_tokens) == (None, None, ())
    assert all(token.log_probability <= 0 and len(token.top_tokens) == 2 for token in others)


async def test_an_encoder_decoder_returns_its_input_tokens_without_details():
    async with running_engine() as engine:
        final = await final_of(engine, parameters={"return_options": EVERYTHING})

    assert {(token.log_probability, token.rank, token.top_tokens) for token in final.input_tokens} == {(None, None, ())}


async def test_a_closed_task_returns_its_tokens_without_details():
    async with running_engine() as engine:
        final = await final_of(engine, label_space=SENTIMENT, parameters={"return_options": EVERYTHING})

    assert "".join(token.text for token in final.generated_tokens).startswith((" 0", " 1", "0", "1"))
    assert len(final.generated_tokens) == final.usage.generated_tokens
    assert {token.log_probability for token in final.generated_tokens} == {None}


@pytest.mark.parametrize("shape", ["bart", "llama"])
async def test_a_cut_input_keeps_its_last_tokens_and_the_special_ones(shape: str):
    adapters = Adapters()
    reference = adapters.add(
        "mine",
        prompt_vectors(5),
        base_model=f"tiny--{shape}",
        task_type="CAUSAL_LM" if shape == "llama" else "SEQ_2_SEQ_LM",
    )
    fields = {"base_model": f"tiny--{shape}", "adapter": reference}
    options = {"return_options": ReturnOptions(input_tokens=True)}
    async with running_engine(TinyBaseModel(shape), adapters=adapters) as engine:
        whole = await final_of(engine, **fields, parameters=options)
        cut = await final_of(engine, **fields, parameters={**options, "truncate_input_tokens": 5})
        kept = await final_of(engine, **fields, parameters={**options, "truncate_input_tokens": 500})
        same, _ = await answer(engine, "my order?", **fields)

    texts = [token.text for token in cut.input_tokens]
    assert texts == ["<s>", " my", " order", "?", "</s>"]
    assert cut.usage.input_tokens == 5
    assert cut.usage.soft_prompt_tokens == 5
    assert cut.text == same
    assert kept.input_tokens == whole.input_tokens


async def test_a_text_far_too_long_is_cut_instead_of_refused():
    async with running_engine() as engine:
        final = await final_of(engine, "word " * 100_000, parameters={"truncate_input_tokens": 16})
        labels = await engine.classify(
            make_request("word " * 100_000, label_space=SENTIMENT, parameters={"truncate_input_tokens": 16})
        )

    assert final.usage.input_tokens == labels.usage.input_tokens == 16


async def test_a_limit_that_leaves_nothing_of_the_text_is_refused_with_its_field():
    async with running_engine() as engine:
        with pytest.raises(
            InvalidArgumentError,
            match=r"parameters.truncate_input_tokens: must be 0 or more than 2, the",
        ):
            await final_of(engine, parameters={"truncate_input_tokens": 2})
        with pytest.raises(InvalidArgumentError, match=r"^truncate_input_tokens: must be"):
            await engine.classify(make_request(TEXT, label_space=SENTIMENT, parameters={"truncate_input_tokens": 1}))
