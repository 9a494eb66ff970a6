"""The model in training: module, tokenizer, and how texts become ids.

Shapes: B batch, T text tokens, D width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor
from transformers import BartForConditionalGeneration

from foreword_starter.training.batching import pad, to_device
from foreword_starter.training.sentence_encoder import mean_over_tokens

PAD: Final = 0
START: Final = 1
END: Final = 2


class Starter:
    """Module and tokenizer of one folder.

    Raises:
        FileNotFoundError: The folder holds no model.
    """

    def __init__(self, folder: Path, *, device: torch.device, dtype: torch.dtype) -> None:
        if not (folder / "tokenizer.json").is_file():
            raise FileNotFoundError(f"{folder} holds no tokenizer.json; name a folder written by `export`")
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        # Plain products for attention: the fused ones have a slow backward pass on a processor.
        attention = "eager" if device.type == "cpu" else "sdpa"
        module: Any = BartForConditionalGeneration.from_pretrained(
            folder, dtype=dtype, attn_implementation=attention, local_files_only=True
        )
        self.module: BartForConditionalGeneration = module.to(device)
        self.device = device

    @property
    def width(self) -> int:
        """D."""
        return self.embeddings_VD.shape[1]

    @property
    def embeddings_VD(self) -> Tensor:
        """The table of token embeddings.

        Shape:
            `[V, D]`.
        """
        table: Tensor = self.module.model.shared.weight
        return table

    def encode(self, texts: Sequence[str], max_tokens: int) -> list[list[int]]:
        """Ids of inputs with what belongs around them; longer ones lose their middle, which says least."""
        rows = [row.ids for row in self.tokenizer.encode_batch(list(texts))]
        half = max_tokens // 2
        return [ids if len(ids) <= max_tokens else ids[: max_tokens - half] + ids[-half:] for ids in rows]

    def encode_answers(self, texts: Sequence[str], max_tokens: int) -> list[list[int]]:
        """Ids of answers with the token that closes them, unless they are cut."""
        rows = self.tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [[*row.ids, END][:max_tokens] for row in rows]

    def tensor(self, values: Sequence[Any] | np.ndarray) -> Tensor:
        """Numbers on the model's device."""
        return to_device(values, self.device)

    def pooled(self, texts: Sequence[str], max_tokens: int = 128) -> Tensor:
        """The encoder's mean over tokens, without a prompt.

        Shape:
            Returns `[B, D]`, float32.
        """
        return self.pooled_ids(self.encode(texts, max_tokens))

    def pooled_ids(self, rows: Sequence[Sequence[int]]) -> Tensor:
        """The same of texts in token ids."""
        ids_BT, mask_BT = pad(rows, self.device)
        states_BTD = self.module.model.encoder(input_ids=ids_BT, attention_mask=mask_BT).last_hidden_state
        return mean_over_tokens(states_BTD, mask_BT)
