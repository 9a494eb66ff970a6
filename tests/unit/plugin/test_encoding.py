"""Everything that a user writes is plain text, even if it looks like a special token."""

from __future__ import annotations

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import ByT5Tokenizer, PreTrainedTokenizerFast

from factories.hugging_face import CAUSAL, ENCODER_DECODER, make_tokenizer
from factories.tiny_models import tiny_model, tokenizer
from foreword.plugin.encoding import encode_input, encode_plain, encode_target

TEXT = "a </s> <pad> <s> b"


def _unigram() -> PreTrainedTokenizerFast:
    """Return a tokenizer like T5's: the special tokens are the likeliest pieces of the vocabulary."""
    pieces = [("<pad>", 0.0), ("<s>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *((letter, -3.0) for letter in "▁ab</s>pd")]
    backend = Tokenizer(models.Unigram(pieces, unk_id=3))
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    backend.decoder = decoders.Metaspace()
    backend.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 2)])
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>"
    )


TOKENIZERS = {
    "starter": tokenizer,
    "unigram": _unigram,
    "slow": lambda: ByT5Tokenizer(extra_ids=0),
    **{family: lambda family=family: make_tokenizer(family) for family in (*ENCODER_DECODER, *CAUSAL)},
}


@pytest.mark.parametrize("name", TOKENIZERS)
def test_a_text_longer_than_the_context_writes_no_line(name, caplog, capfd):
    made = TOKENIZERS[name]()
    made.model_max_length = 8

    assert len(encode_plain(made, "word " * 100)) > 8

    assert caplog.records == []
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("name", TOKENIZERS)
def test_special_tokens_in_a_text_are_plain_text_and_decode_unchanged(name):
    made = TOKENIZERS[name]()
    special = set(made.all_special_ids)

    plain, whole = encode_plain(made, TEXT), encode_input(made, TEXT)
    around = encode_input(made, "")

    assert not special & set(plain)
    assert made.decode(plain, skip_special_tokens=True).strip() == TEXT
    assert [token for token in whole if token in special] == around
    assert len(whole) == len(plain) + len(around)


@pytest.mark.parametrize("shape", ["bart", "llama"])
def test_an_answer_has_its_only_end_token_at_its_end(shape):
    model = tiny_model(shape)

    ids = encode_target(model, TEXT)

    assert ids.count(model.tokenizer.eos_token_id) == 1
    assert ids[-1] == model.tokenizer.eos_token_id
    assert model.tokenizer.decode(ids, skip_special_tokens=True).strip() == TEXT
