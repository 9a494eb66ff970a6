"""Sentence vectors of published encoders: MiniLM, from which the starter's encoder is built, and the teacher.

Shapes: B batch, T text tokens, D width.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor
from transformers import AutoModel

from foreword_starter.training.batching import pad

MAX_TOKENS = 128


class SentenceEncoder:
    """An encoder of sentence vectors, computed as in sentence-transformers: the mean over all tokens.

    Raises:
        FileNotFoundError: The folder does not contain the model.
    """

    def __init__(self, folder: Path, *, device: torch.device, dtype: torch.dtype) -> None:
        for name in ("model.safetensors", "tokenizer.json"):
            if not (folder / name).is_file():
                raise FileNotFoundError(
                    f"{folder} contains no {name}. Unpack the packages listed in the training's README.md."
                )
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(MAX_TOKENS)
        module: Any = AutoModel.from_pretrained(folder, dtype=dtype, add_pooling_layer=False, local_files_only=True)
        self.module = module.to(device).eval().requires_grad_(False)

    @torch.no_grad()
    def encode(self, texts: Sequence[str]) -> Tensor:
        """Return the sentence vectors of texts, not normalised.

        Shape:
            Returns `[B, D]`, float32.
        """
        encoded = self.tokenizer.encode_batch(list(texts))
        ids_BT, mask_BT = pad([row.ids for row in encoded], self.module.device)
        states_BTD = self.module(input_ids=ids_BT, attention_mask=mask_BT).last_hidden_state
        return mean_over_tokens(states_BTD, mask_BT)


def mean_over_tokens(states_BTD: Tensor, mask_BT: Tensor) -> Tensor:
    """Return the mean of the states without padding, in float32.

    Shape:
        Returns `[B, D]`.
    """
    weights_BT1 = mask_BT[..., None].float()
    return (states_BTD.float() * weights_BT1).sum(dim=1) / weights_BT1.sum(dim=1)
