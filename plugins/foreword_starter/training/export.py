"""The files that are shipped: shards in bfloat16, configuration, tokenizer."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Final

import torch
from tokenizers import Tokenizer
from transformers import BartForConditionalGeneration

from foreword_starter.training.tokenizer import SPECIAL_TOKENS

MOST_SHARD_BYTES: Final = 15_000_000
MOST_BYTES: Final = 54_000_000


def save_model(module: BartForConditionalGeneration, tokenizer: Tokenizer, folder: Path) -> str:
    """Writes a folder that `AutoModelForSeq2SeqLM` and `AutoTokenizer` load.

    Returns:
        SHA-256 over the shards in order of name: the model's revision.

    Raises:
        ValueError: The files are larger than may be shipped.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("model*.safetensors*"):
        old.unlink()
    # Straight to bfloat16 on the side: a module in training stays as it is.
    weights = {name: tensor.to("cpu", torch.bfloat16) for name, tensor in module.state_dict().items()}
    config: Any = module.config
    dtype, config.dtype = config.dtype, torch.bfloat16
    try:
        module.save_pretrained(folder, state_dict=weights, max_shard_size=MOST_SHARD_BYTES)
    finally:
        config.dtype = dtype
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "TokenizersBackend", "model_max_length": config.max_position_embeddings,
        "pad_token": SPECIAL_TOKENS[0], "bos_token": SPECIAL_TOKENS[1], "eos_token": SPECIAL_TOKENS[2],
        "unk_token": SPECIAL_TOKENS[3], "mask_token": SPECIAL_TOKENS[4],
    }  # fmt: skip
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n")
    return _check(folder)


def _check(folder: Path) -> str:
    """The revision of files that are small enough."""
    shards = sorted(folder.glob("*.safetensors"))
    largest = max(shard.stat().st_size for shard in shards)
    together = sum(file.stat().st_size for file in folder.iterdir())
    if largest > MOST_SHARD_BYTES * 1.01 or together > MOST_BYTES * 1.04:
        raise ValueError(
            f"{folder} takes {together:,} bytes, its largest shard {largest:,}; at most {MOST_BYTES:,} and "
            f"{MOST_SHARD_BYTES:,} may be shipped. Choose a smaller shape or vocabulary."
        )
    digest = hashlib.sha256()
    for shard in shards:
        digest.update(shard.read_bytes())
    return digest.hexdigest()
