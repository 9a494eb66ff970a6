"""The initialisation of a prompt, which strongly affects the result of tuning (Lester et al. 2021, section 3.2).

Shapes: P virtual tokens, D width of the embeddings, N token ids or rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import torch

from foreword.domain.parameters import ResolvedParameters
from foreword.plugin.encoding import encode_plain
from foreword.plugin.pooling import pooled_states
from foreword.plugin.regression import answer_vectors

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from foreword.plugin.interfaces import EncodedRow, LoadedModel

FREQUENT_TOKENS: Final = 5000
"""Number of tokens to sample from: tokenizers number tokens by frequency, and rare ones are a poor start (ibid.)."""

_MAX_REGRESSED_ROWS: Final = 2000
"""Maximum rows of the regression; more take longer than they are worth, because tuning continues from there."""


def initial_prompt(
    model: LoadedModel, parameters: ResolvedParameters, rows: Sequence[EncodedRow], generator: Generator
) -> Tensor:
    """Return the initial vectors of a prompt, in fp32 on the model's device.

    Shape:
        Returns `[P, D]`.
    """
    num_virtual_tokens = parameters.num_virtual_tokens
    assert num_virtual_tokens is not None
    match parameters.init_method:
        case "text":
            vectors_PD = _from_text(model, parameters.init_text or "", num_virtual_tokens)
        case "sample_vocab":
            vectors_PD = _from_vocabulary(model, num_virtual_tokens, generator)
        case "labels":
            vectors_PD = _from_labels(model, rows, num_virtual_tokens, generator)
        case "regression":
            vectors_PD = _from_regression(model, rows, num_virtual_tokens, generator)
        case _:
            vectors_PD = _random(model, num_virtual_tokens, generator)
    return vectors_PD.to(device=model.module.device, dtype=torch.float32).contiguous()


def _embed(model: LoadedModel, ids: Sequence[int]) -> Tensor:
    """Return embeddings as they enter the first layer; the module applies the model's own scale if it has one.

    Shape:
        ids: `[N]`. Returns `[N, D]`.
    """
    table = model.module.get_input_embeddings()
    with torch.no_grad():
        vectors_ND: Tensor = table(torch.tensor(list(ids), device=model.module.device)).float()
    return vectors_ND


def _from_text(model: LoadedModel, text: str, num_virtual_tokens: int) -> Tensor:
    """Return the text's token embeddings, repeated or truncated to the length of the prompt."""
    ids = encode_plain(model.tokenizer, text)
    repeats = -(-num_virtual_tokens // len(ids))
    return _embed(model, (ids * repeats)[:num_virtual_tokens])


def _from_vocabulary(model: LoadedModel, num_virtual_tokens: int, generator: Generator) -> Tensor:
    """Return the embeddings of frequent tokens, drawn at random."""
    special = set(model.tokenizer.all_special_ids) | set(model.tokenizer.added_tokens_decoder)
    ordinary = [token for token in range(len(model.tokenizer)) if token not in special][:FREQUENT_TOKENS]
    drawn = torch.randint(len(ordinary), (num_virtual_tokens,), generator=generator)
    return _embed(model, [ordinary[place] for place in drawn.tolist()])


def _from_labels(
    model: LoadedModel, rows: Sequence[EncodedRow], num_virtual_tokens: int, generator: Generator
) -> Tensor:
    """Return the mean embedding of each answer's tokens; frequent tokens fill the rest."""
    answers = dict.fromkeys(answer for answer in _answers(model, rows) if answer)
    means = [_embed(model, ids).mean(dim=0) for ids in answers][:num_virtual_tokens]
    rest_PD = _from_vocabulary(model, num_virtual_tokens, generator)
    return torch.cat([torch.stack(means), rest_PD[len(means) :]]) if means else rest_PD


def _from_regression(
    model: LoadedModel, rows: Sequence[EncodedRow], num_virtual_tokens: int, generator: Generator
) -> Tensor:
    """Return vectors from a regression on the model's own sentence vectors; frequent tokens fill the rest."""
    drawn = torch.randperm(len(rows), generator=generator)[:_MAX_REGRESSED_ROWS].tolist()
    chosen = sorted((rows[place] for place in drawn), key=lambda row: len(row.input_ids))
    pooled_ND = pooled_states(model, [row.input_ids for row in chosen])
    found_UD = answer_vectors(
        pooled_ND, _answers(model, chosen), most=num_virtual_tokens, embed=lambda ids: _embed(model, ids)
    )
    rest_PD = _from_vocabulary(model, num_virtual_tokens, generator)
    return torch.cat([found_UD, rest_PD[len(found_UD) :]])


def _answers(model: LoadedModel, rows: Sequence[EncodedRow]) -> list[tuple[int, ...]]:
    """Return the answers in token ids, without special tokens."""
    special = set(model.tokenizer.all_special_ids)
    return [tuple(token for token in row.target_ids if token not in special) for row in rows]


def _random(model: LoadedModel, num_virtual_tokens: int, generator: Generator) -> Tensor:
    """Return normal random numbers with the embeddings' scale; PEFT's N(0, 1) dominates the text if they are small."""
    sample_ND = _embed(model, range(min(FREQUENT_TOKENS, len(model.tokenizer))))
    return torch.randn(num_virtual_tokens, sample_ND.shape[1], generator=generator) * sample_ND.std().cpu()
