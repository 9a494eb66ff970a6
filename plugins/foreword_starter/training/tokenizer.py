"""The tokenizer: cased byte-level BPE that encodes every text and preserves case and line breaks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from foreword_starter.training.starter import END, START

SPECIAL_TOKENS: Final = ("<pad>", "<s>", "</s>", "<unk>", "<mask>", *(f"<extra_{place}>" for place in range(20)))
"""Special tokens in the order of their ids; the last twenty mark gaps to fill."""


def train_tokenizer(texts: Iterable[str], *, vocabulary_size: int) -> Tokenizer:
    """Train a tokenizer on texts."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_size, special_tokens=list(SPECIAL_TOKENS), show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    tokenizer.train_from_iterator(texts, trainer)
    names = {token: SPECIAL_TOKENS[token] for token in (START, END)}
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{names[START]} $A {names[END]}", special_tokens=[(name, token) for token, name in names.items()]
    )
    return tokenizer
