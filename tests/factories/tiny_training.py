"""A corpus of a few dozen rows, a MiniLM of width 32 and a teacher of width 48, so that training runs in seconds."""

from __future__ import annotations

import json
import lzma
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertConfig, BertModel, MPNetConfig, MPNetModel

from foreword_starter.training.corpus import HELD_OUT_INTENTS

_THINGS = ("lamp", "parcel", "invoice", "kettle", "ticket", "window", "garden", "printer", "camera", "blanket")
_STATES = ("arrived broken", "never came", "is too expensive", "works very well", "makes strange noises")
TEXTS = tuple(f"The {thing} {state} today." for thing in _THINGS for state in _STATES)


def write_corpus(folder: Path) -> Path:
    """Write every file of a corpus, with held-out intents among the others."""
    intents = {source: [*_THINGS, *sorted(held)[:2]] for source, held in HELD_OUT_INTENTS.items()}
    for source, labels in intents.items():
        rows = [{"text": f"{text} ({label})", "label": label} for label in labels for text in TEXTS[:12]]
        _write(folder / f"{source}_intents.jsonl.xz", rows)
    _write(folder / "emotions.jsonl.xz", ({"text": text, "labels": [text.split()[1]]} for text in TEXTS))
    sources = ("movie", "shop")
    _write(
        folder / "opinions.jsonl.xz",
        (
            {"source": sources[place % 2], "text": text, "rating": place % 5 - 2}
            for place, text in enumerate(TEXTS * 20)
        ),
    )
    _write(folder / "instructions.jsonl.xz", ({"task": "copy", "input": text, "output": text} for text in TEXTS))
    turns = [["user", f"I would like to ask about something: {text}", ["AskAbout"]] for text in TEXTS]
    _write(folder / "dialogues.jsonl.xz", ({"services": ["Shop_1"], "turns": turns} for _ in range(20)))
    _write(folder / "tldr.jsonl.xz", ({"text": f"{text} {text}", "summary": text} for text in TEXTS))
    _write(
        folder / "glossary.jsonl.xz", ({"term": f"Term {place}", "meaning": text} for place, text in enumerate(TEXTS))
    )
    paragraphs = [" ".join(TEXTS[first : first + 5]) for first in range(0, len(TEXTS), 5)]
    _write(
        folder / "textbooks.jsonl.xz",
        ({"book": "b", "chapter": "c", "section": "s", "text": text} for text in paragraphs * 30),
    )
    return folder


def write_minilm(folder: Path) -> Path:
    """Write a six-layer BERT with random weights and the corpus's words, in the layout of MiniLM's files."""
    return _write_encoder(folder, BertConfig, BertModel, width=32, num_layers=6)


def write_teacher(folder: Path) -> Path:
    """Write an MPNet with random weights, of another architecture and wider than the model that learns from it."""
    return _write_encoder(folder, MPNetConfig, MPNetModel, width=48, num_layers=2)


def _write_encoder(folder: Path, config_type: Any, model_type: Any, *, width: int, num_layers: int) -> Path:
    config = config_type(
        vocab_size=_write_word_pieces(folder).get_vocab_size(), hidden_size=width, num_hidden_layers=num_layers,
        num_attention_heads=4, intermediate_size=64, max_position_embeddings=512,
    )  # fmt: skip
    model_type(config, add_pooling_layer=False).save_pretrained(folder)
    return folder


def _write_word_pieces(folder: Path) -> Tokenizer:
    """Write a tokenizer of the corpus's words; it also seeds the weights that are drawn next."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(TEXTS, trainers.WordPieceTrainer(vocab_size=300, special_tokens=special))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    torch.manual_seed(0)
    return tokenizer


def write_settings(file: Path, *, minutes: float = 0.004) -> Path:
    """Write settings for a run with a few updates per stage."""
    file.write_text(f"""
[data]
vocabulary_size = 400
space_texts = 40
space_feedback = 30
batch_texts = 8

[distillation]
minutes = {minutes}
log_updates = 1

[distillation_rates]
embeddings = 1e-2
encoder = 1e-3

[matching]
minutes = {minutes}
log_updates = 1

[matching_rates]
embeddings = 1e-3
encoder = 1e-3

[steering]
minutes = {minutes}
log_updates = 1

[steering_rates]
embeddings = 1e-3
encoder = 1e-3
decoder = 1e-3

[mixture]
groups = 3
rows_per_group = 2
queries_per_group = 1
matching_share = 0.3
instruction_tokens = 200

[pool]
slots = 4
lives = [2, 4]

[probe]
updates = 2
rows = 8
test_rows = 3
batch_size = 2
""")
    return file


def _write(file: Path, records: Iterable[Mapping[str, Any]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with lzma.open(file, "wt", encoding="utf-8") as lines:
        lines.writelines(json.dumps(record) + "\n" for record in records)
