"""The loops that `tuning.py` compares: this service's trainer step, PEFT in a torch loop, and PEFT in the `Trainer`."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import peft
import torch
from transformers import LlamaConfig, LlamaForCausalLM, Trainer, TrainingArguments

from foreword.domain.base_model import Architecture, BaseModelSpec
from foreword.domain.parameters import TuneParameters, resolve_parameters
from foreword.network.answer_loss import AnswerLoss
from foreword.plugin.interfaces import EncodedRow, LoadedModel, TuningMethod
from foreword.plugin.sites import find_sites
from foreword.tuning.batches import batch_order
from foreword.tuning.runs.optimisation import clip, make_optimizer
from foreword_methods.ia3 import IA3
from foreword_methods.prompt_tuning import PromptTuning
from foreword_starter.model import StarterModel

IGNORED: Final = -100
"""Label of a position that does not count towards the loss of transformers."""

OURS: Final = "foreword"
PADDED: Final = "peft, padded to the limit"
NAMES: Final = (OURS, "foreword, ia3", "peft, dynamic padding", "peft, Trainer", PADDED)
"""The loops, which the docstring of `tuning.py` describes."""

Batches = Sequence[Sequence[int]]
Step = Callable[[Sequence[EncodedRow]], None]
Epoch = Callable[[Sequence[EncodedRow], Batches], float]
"""Trains on the rows in batches and returns the examples per second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What all loops have in common. `limits` are the lengths of inputs and answers that are padded to the limit."""

    shape: str
    dtype: str
    num_rows: int
    batch_size: int
    num_virtual_tokens: int
    limits: tuple[int, int]


def make_loop(name: str, setting: Setting, rows: Sequence[EncodedRow], folder: Path) -> tuple[Epoch, Batches]:
    """Return a loop with a model of its own, because PEFT wraps the model, and the batches of its epochs.

    Args:
        folder: A folder for the `Trainer`.
    """
    model = make_model(setting.shape, setting.dtype)
    size, count = setting.batch_size, setting.num_virtual_tokens
    shuffled = random.Random(1).sample(range(len(rows)), len(rows))
    plain = [shuffled[first : first + size] for first in range(0, len(rows), size)]
    bucketed = batch_order(rows, batch_size=size, seed=0, epoch=0)
    match name:
        case "foreword":
            return steps(our_step(model, PromptTuning(), count)), bucketed
        case "foreword, ia3":
            return steps(our_step(model, IA3(), count)), bucketed
        case "peft, dynamic padding":
            return steps(peft_step(model, count, None)), plain
        case "peft, Trainer":
            return trainer_epoch(model, count, size, str(folder)), plain
        case _:
            return steps(peft_step(model, count, setting.limits)), plain[:1]


def make_model(shape: str, dtype: str) -> LoadedModel:
    """Return the starter, or a six-layer Llama with random weights."""
    if shape == "starter":
        return StarterModel().load(device="cpu", dtype=dtype)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=16_000, hidden_size=384, intermediate_size=1024, num_hidden_layers=6, num_attention_heads=6,
        num_key_value_heads=6, max_position_embeddings=512, pad_token_id=0, bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    module = LlamaForCausalLM(config).to(getattr(torch, dtype)).eval().requires_grad_(False)
    spec = BaseModelSpec(
        id="llama", display_name="", description="", architecture=Architecture.CAUSAL, context_tokens=512,
        hidden_size=384, parameter_count=0, licence="", recipes={}, revision="", sites=find_sites(module),
    )  # fmt: skip
    return LoadedModel(spec=spec, module=module, tokenizer=StarterModel().load_tokenizer())


def make_rows(count: int) -> list[EncodedRow]:
    """Make rows of the length of complaints: about 20 tokens, some up to 60, with answers of 2 to 6."""
    generator = random.Random(0)
    lengths = [min(60, max(6, round(generator.lognormvariate(2.9, 0.5)))) for _ in range(count)]
    return [
        EncodedRow(
            input_ids=(1, *(generator.randint(30, 5000) for _ in range(length)), 2),
            target_ids=(*(generator.randint(30, 5000) for _ in range(generator.randint(1, 5))), 2),
        )
        for length in lengths
    ]


def our_step(model: LoadedModel, method: TuningMethod, num_virtual_tokens: int) -> Step:
    """Make one update with the trainer's own parts."""
    values = TuneParameters(num_virtual_tokens=num_virtual_tokens, learning_rate=0.01)
    parameters, _ = resolve_parameters(values, TuneParameters(), method.unused_parameters)
    trainable = method.start(model, parameters, (), torch.Generator().manual_seed(0))
    tensors = [tensor for group in trainable.groups for tensor in group.parameters.values()]
    optimizer, loss = make_optimizer(trainable.groups, parameters), AnswerLoss(model)

    def step(rows: Sequence[EncodedRow]) -> None:
        nats_B = loss.nats(rows, [trainable.contribute()], [0] * len(rows))
        (nats_B.sum() / sum(len(row.target_ids) for row in rows)).backward()
        clip(tensors, parameters.max_gradient_norm)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def peft_step(model: LoadedModel, num_virtual_tokens: int, limits: tuple[int, int] | None) -> Step:
    """Make one update with PEFT and torch; `limits` pads inputs and answers to fixed lengths."""
    causal = model.spec.architecture is Architecture.CAUSAL
    config = peft.PromptTuningConfig(
        task_type="CAUSAL_LM" if causal else "SEQ_2_SEQ_LM",
        num_virtual_tokens=num_virtual_tokens,
        num_transformer_submodules=1,
    )
    wrapped = peft.get_peft_model(model.module, config)
    tuned = [parameter for parameter in wrapped.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(tuned, lr=0.01)

    def step(rows: Sequence[EncodedRow]) -> None:
        batch = causal_batch(rows, limits) if causal else seq2seq_batch(rows, limits)
        wrapped(**batch).loss.backward()
        torch.nn.utils.clip_grad_norm_(tuned, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def trainer_epoch(model: LoadedModel, num_virtual_tokens: int, batch_size: int, folder: str) -> Epoch:
    """Train one epoch with PEFT and the `Trainer` of transformers, padded to the longest row of a batch."""
    causal = model.spec.architecture is Architecture.CAUSAL
    config = peft.PromptTuningConfig(
        task_type="CAUSAL_LM" if causal else "SEQ_2_SEQ_LM",
        num_virtual_tokens=num_virtual_tokens,
        num_transformer_submodules=1,
    )
    wrapped = peft.get_peft_model(model.module, config)
    options = TrainingArguments(
        output_dir=folder, per_device_train_batch_size=batch_size, num_train_epochs=1, learning_rate=0.01,
        optim="adamw_torch", max_grad_norm=1.0, lr_scheduler_type="constant", save_strategy="no", report_to=[],
        disable_tqdm=True, logging_strategy="no", use_cpu=model.module.device.type == "cpu",
        remove_unused_columns=False, dataloader_pin_memory=False,
    )  # fmt: skip

    def epoch(rows: Sequence[EncodedRow], batches: Sequence[Sequence[int]]) -> float:
        trainer = Trainer(
            model=wrapped,
            args=options,
            train_dataset=[rows[place] for batch in batches for place in batch],
            data_collator=lambda items: causal_batch(items, None) if causal else seq2seq_batch(items, None),
        )
        started = time.perf_counter()
        trainer.train()
        return sum(map(len, batches)) / (time.perf_counter() - started)

    return epoch


def seq2seq_batch(rows: Sequence[EncodedRow], limits: tuple[int, int] | None) -> dict[str, Any]:
    """Return padded inputs and labels."""
    num_input = limits[0] if limits else max(len(row.input_ids) for row in rows)
    num_target = limits[1] if limits else max(len(row.target_ids) for row in rows)
    return {
        "input_ids": torch.tensor([[*row.input_ids, *[0] * (num_input - len(row.input_ids))] for row in rows]),
        "attention_mask": torch.tensor(
            [[1] * len(row.input_ids) + [0] * (num_input - len(row.input_ids)) for row in rows]
        ),
        "labels": torch.tensor(
            [[*row.target_ids, *[IGNORED] * (num_target - len(row.target_ids))] for row in rows]
        ),
    }  # fmt: skip


def causal_batch(rows: Sequence[EncodedRow], limits: tuple[int, int] | None) -> dict[str, Any]:
    """Return padded inputs with their answers; the loss is on the answers."""
    length = sum(limits) if limits else max(row.length for row in rows)
    whole = [[*row.input_ids, *row.target_ids] for row in rows]
    return {
        "input_ids": torch.tensor([[*ids, *[0] * (length - len(ids))] for ids in whole]),
        "attention_mask": torch.tensor([[1] * len(ids) + [0] * (length - len(ids)) for ids in whole]),
        "labels": torch.tensor(
            [
                [IGNORED] * len(row.input_ids) + [*row.target_ids] + [IGNORED] * (length - row.length)
                for row in rows
            ]
        ),
    }  # fmt: skip


def steps(step: Step) -> Epoch:
    """Return an epoch of single steps."""

    def epoch(rows: Sequence[EncodedRow], batches: Sequence[Sequence[int]]) -> float:
        started = time.perf_counter()
        for batch in batches:
            step([rows[place] for place in batch])
        return sum(map(len, batches)) / (time.perf_counter() - started)

    return epoch
