"""How a prompt starts: it decides much of how far tuning gets (Lester et al. 2021, section 3.2).

Shapes: P virtual tokens, D width of the embeddings, N token ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from foreword.domain.parameters import ResolvedParameters
from foreword.plugin.encoding import encode_plain

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from foreword.plugin.interfaces import LoadedModel

FREQUENT_TOKENS = 5000
"""Sampled from: tokenizers number their tokens by frequency, and rare ones make poor starts (ibid.)."""


def initial_prompt(
    model: LoadedModel, parameters: ResolvedParameters, targets: Sequence[str], generator: Generator
) -> Tensor:
    """The vectors that a prompt starts from, in fp32 on the model's device.

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
            vectors_PD = _from_labels(model, targets, num_virtual_tokens, generator)
        case _:
            vectors_PD = _random(model, num_virtual_tokens, generator)
    return vectors_PD.to(device=model.module.device, dtype=torch.float32).contiguous()


def _embed(model: LoadedModel, ids: Sequence[int]) -> Tensor:
    """Embeddings as they enter the first layer: the module applies the model's own scale where it has one.

    Shape:
        ids: `[N]`. Returns `[N, D]`.
    """
    table = model.module.get_input_embeddings()
    with torch.no_grad():
        vectors_ND: Tensor = table(torch.tensor(list(ids), device=model.module.device)).float()
    return vectors_ND


def _from_text(model: LoadedModel, text: str, num_virtual_tokens: int) -> Tensor:
    """The text's token embeddings, repeated or cut to length."""
    ids = encode_plain(model.tokenizer, text)
    repeats = -(-num_virtual_tokens // len(ids))
    return _embed(model, (ids * repeats)[:num_virtual_tokens])


def _from_vocabulary(model: LoadedModel, num_virtual_tokens: int, generator: Generator) -> Tensor:
    """Embeddings of frequent tokens, drawn at random."""
    special = set(model.tokenizer.all_special_ids) | set(model.tokenizer.added_tokens_decoder)
    ordinary = [token for token in range(len(model.tokenizer)) if token not in special][:FREQUENT_TOKENS]
    drawn = torch.randint(len(ordinary), (num_virtual_tokens,), generator=generator)
    return _embed(model, [ordinary[place] for place in drawn.tolist()])


def _from_labels(model: LoadedModel, targets: Sequence[str], num_virtual_tokens: int, generator: Generator) -> Tensor:
    """The mean embedding of each answer's tokens; frequent tokens fill the rest."""
    encoded = (encode_plain(model.tokenizer, target) for target in targets)
    means = [_embed(model, ids).mean(dim=0) for ids in encoded if ids][:num_virtual_tokens]
    rest_PD = _from_vocabulary(model, num_virtual_tokens, generator)
    return torch.cat([torch.stack(means), rest_PD[len(means) :]]) if means else rest_PD


def _random(model: LoadedModel, num_virtual_tokens: int, generator: Generator) -> Tensor:
    """Normal numbers as large as the embeddings are: PEFT's N(0, 1) drowns the text in models with small ones."""
    sample_ND = _embed(model, range(min(FREQUENT_TOKENS, len(model.tokenizer))))
    return torch.randn(num_virtual_tokens, sample_ND.shape[1], generator=generator) * sample_ND.std().cpu()
