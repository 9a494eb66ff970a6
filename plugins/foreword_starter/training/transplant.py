"""Construction of the initial model from MiniLM: BART's encoder layer equals BERT's layer, so all weights fit.

Shapes: V vocabulary, D width.
"""

from __future__ import annotations

from typing import Any, Final

import torch
from tokenizers import Tokenizer
from torch import Tensor
from transformers import BartConfig, BartForConditionalGeneration

from foreword_starter.training.sentence_encoder import SentenceEncoder
from foreword_starter.training.starter import END, PAD, START

DECODER_SOURCES: Final = (0, 2, 3, 5)
"""MiniLM's layers that initialise the decoder's layers."""

_POSITION_OFFSET: Final = 2
"""BART's position table begins with two unused rows."""
_WORD_START: Final = "Ġ"
"""The character that byte-level tokenizers use for a space."""


def transplant(minilm: SentenceEncoder, tokenizer: Tokenizer, *, seed: int) -> BartForConditionalGeneration:
    """Build the model before training, with an encoder that knows English and an untrained decoder.

    Raises:
        ValueError: MiniLM's type or number of layers does not fit.
    """
    source = minilm.module
    width, num_layers = source.config.hidden_size, source.config.num_hidden_layers
    if source.config.model_type != "bert":
        raise ValueError(
            f"MiniLM has the model type {source.config.model_type}, but only BERT layers fit into BART's encoder. "
            "Pass a BERT model as --minilm."
        )
    if max(DECODER_SOURCES) >= num_layers:
        raise ValueError(
            f"MiniLM has {num_layers} layers, but the decoder is initialised from layers {DECODER_SOURCES}. "
            f"Pass a model with at least {max(DECODER_SOURCES) + 1} layers as --minilm."
        )
    torch.manual_seed(seed)
    config = BartConfig(
        vocab_size=tokenizer.get_vocab_size(), d_model=width, max_position_embeddings=512,
        encoder_layers=num_layers, encoder_attention_heads=source.config.num_attention_heads,
        encoder_ffn_dim=source.config.intermediate_size, decoder_layers=len(DECODER_SOURCES),
        decoder_attention_heads=source.config.num_attention_heads, decoder_ffn_dim=source.config.intermediate_size,
        activation_function="gelu", dropout=0.0, pad_token_id=PAD, bos_token_id=START, eos_token_id=END,
        decoder_start_token_id=START, forced_eos_token_id=None,
    )  # fmt: skip
    model = BartForConditionalGeneration(config)
    with torch.no_grad():
        model.model.shared.weight.copy_(token_embeddings(minilm, tokenizer))
        places = source.embeddings.position_embeddings.weight + source.embeddings.token_type_embeddings.weight[0]
        count = min(len(places), config.max_position_embeddings)
        for stack in (model.model.encoder, model.model.decoder):
            stack.embed_positions.weight[_POSITION_OFFSET : _POSITION_OFFSET + count].copy_(places[:count])
            stack.layernorm_embedding.load_state_dict(source.embeddings.LayerNorm.state_dict())
        for place, layer in enumerate(model.model.encoder.layers):
            _copy_layer(source.encoder.layer[place], layer)
        for layer, place in zip(model.model.decoder.layers, DECODER_SOURCES, strict=True):
            _copy_layer(source.encoder.layer[place], layer)
    model.tie_weights()
    return model


def token_embeddings(minilm: SentenceEncoder, tokenizer: Tokenizer) -> Tensor:
    """Return each new token's embedding: the mean of its word pieces, or the mean of all pieces if it has no text.

    Shape:
        Returns `[V, D]`, float32.
    """
    table_VD = minilm.module.embeddings.word_embeddings.weight.float()
    average_D = table_VD.mean(dim=0)
    rows = []
    for token in range(tokenizer.get_vocab_size()):
        pieces = _pieces(minilm.tokenizer, tokenizer, token)
        rows.append(table_VD[pieces].mean(dim=0) if pieces else average_D)
    return torch.stack(rows)


def _pieces(words: Tokenizer, tokenizer: Tokenizer, token: int) -> list[int]:
    """Return the word pieces of a token's text."""
    special = {START: "[CLS]", END: "[SEP]", PAD: "[PAD]"}
    name = tokenizer.id_to_token(token) or ""
    if token in special:
        return _ids(words, [special[token]])
    if name == "<mask>":
        return _ids(words, ["[MASK]"])
    text = tokenizer.decode([token], skip_special_tokens=True).strip().lower()
    if not text or "\N{REPLACEMENT CHARACTER}" in text:
        return []
    pieces = [piece for piece in words.encode(text, add_special_tokens=False).tokens if piece != "[UNK]"]
    if not name.startswith(_WORD_START) and text[0].isalnum() and pieces:
        # Inside a word: use the continuation form of the first piece if MiniLM has it.
        continued = f"##{pieces[0]}"
        pieces[0] = continued if words.token_to_id(continued) is not None else pieces[0]
    return _ids(words, pieces)


def _ids(words: Tokenizer, pieces: list[str]) -> list[int]:
    found = (words.token_to_id(piece) for piece in pieces)
    return [token for token in found if token is not None]


def _copy_layer(source: Any, target: Any) -> None:
    """Copy a BERT layer into a BART layer; cross-attention keeps its random initialisation."""
    attention = source.attention
    pairs = (
        (attention.self.query, target.self_attn.q_proj),
        (attention.self.key, target.self_attn.k_proj),
        (attention.self.value, target.self_attn.v_proj),
        (attention.output.dense, target.self_attn.out_proj),
        (attention.output.LayerNorm, target.self_attn_layer_norm),
        (source.intermediate.dense, target.fc1),
        (source.output.dense, target.fc2),
        (source.output.LayerNorm, target.final_layer_norm),
    )
    for have, want in pairs:
        want.load_state_dict(have.state_dict())
