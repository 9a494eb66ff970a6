"""The model in training: its module, its tokenizer and the encoding of texts.

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
    """The module and the tokenizer of a model folder.

    Raises:
        FileNotFoundError: The folder does not contain a model.
    """

    def __init__(self, folder: Path, *, device: torch.device, dtype: torch.dtype) -> None:
        if not (folder / "tokenizer.json").is_file():
            raise FileNotFoundError(
                f"{folder} contains no tokenizer.json. Pass a model folder that training has written."
            )
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        # On a CPU the fused attention kernels have a slow backward pass.
        attention = "eager" if device.type == "cpu" else "sdpa"
        module: Any = BartForConditionalGeneration.from_pretrained(
            folder, dtype=dtype, attn_implementation=attention, local_files_only=True
        )
        self.module: BartForConditionalGeneration = module.to(device)
        self.device = device

    @property
    def width(self) -> int:
        """The hidden size, D."""
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
        """Return the ids of inputs with their special tokens; cut long inputs in the middle, which matters least."""
        rows = [row.ids for row in self.tokenizer.encode_batch(list(texts))]
        half = max_tokens // 2
        return [ids if len(ids) <= max_tokens else ids[: max_tokens - half] + ids[-half:] for ids in rows]

    def encode_answers(self, texts: Sequence[str], max_tokens: int) -> list[list[int]]:
        """Return the ids of answers with the end token; an answer that is truncated loses it."""
        rows = self.tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [[*row.ids, END][:max_tokens] for row in rows]

    def tensor(self, values: Sequence[Any] | np.ndarray) -> Tensor:
        """Return the values as a tensor on the model's device."""
        return to_device(values, self.device)

    def pooled(self, texts: Sequence[str], max_tokens: int = 128) -> Tensor:
        """Return the encoder's mean state over tokens, without a prompt.

        Shape:
            Returns `[B, D]`, float32.
        """
        return self.pooled_ids(self.encode(texts, max_tokens))

    def pooled_ids(self, rows: Sequence[Sequence[int]]) -> Tensor:
        """Return the encoder's mean state for texts given as token ids.

        Shape:
            Returns `[B, D]`, float32.
        """
        ids_BT, mask_BT = pad(rows, self.device)
        states_BTD = self.module.model.encoder(input_ids=ids_BT, attention_mask=mask_BT).last_hidden_state
        return mean_over_tokens(states_BTD, mask_BT)
