"""Export of the files that are shipped: shards in bfloat16, the configuration and the tokenizer."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Final

import torch
from tokenizers import Tokenizer
from transformers import BartForConditionalGeneration

from foreword_starter.training.tokenizer import SPECIAL_TOKENS

MAX_SHARD_BYTES: Final = 15_000_000
MAX_BYTES: Final = 54_000_000


def save_model(module: BartForConditionalGeneration, tokenizer: Tokenizer, folder: Path) -> str:
    """Write a folder that `AutoModelForSeq2SeqLM` and `AutoTokenizer` can load.

    Returns:
        The model's revision: the SHA-256 of the shards in order of name.

    Raises:
        ValueError: The files exceed the size limits of the package.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("model*.safetensors*"):
        old.unlink()
    # Convert copies to bfloat16, so that a module in training does not change.
    weights = {name: tensor.to("cpu", torch.bfloat16) for name, tensor in module.state_dict().items()}
    config: Any = module.config
    dtype, config.dtype = config.dtype, torch.bfloat16
    try:
        module.save_pretrained(folder, state_dict=weights, max_shard_size=MAX_SHARD_BYTES)
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
    """Check the sizes of the files and return their revision."""
    shards = sorted(folder.glob("*.safetensors"))
    largest = max(shard.stat().st_size for shard in shards)
    together = sum(file.stat().st_size for file in folder.iterdir())
    if largest > MAX_SHARD_BYTES * 1.01 or together > MAX_BYTES * 1.04:
        raise ValueError(
            f"{folder} has {together:,} bytes and its largest shard {largest:,}; the limits are {MAX_BYTES:,} and "
            f"{MAX_SHARD_BYTES:,}. Choose a smaller shape or vocabulary."
        )
    digest = hashlib.sha256()
    for shard in shards:
        digest.update(shard.read_bytes())
    return digest.hexdigest()
