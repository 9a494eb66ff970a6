"""The speed of tuning in examples per second against PEFT, as ratios within one run.

    python tests/benchmarks/tuning.py [--shape starter|llama] [--rounds 5] [--dtype float32|bfloat16] [--json FILE]

Every loop makes updates from the same rows: by default prompt tuning, with batches of `--batch-size` rows, AdamW.
The loops take turns, so that a busy machine slows all of them alike, and medians over the rounds are compared:

- `foreword`: this service's trainer step.
- `foreword, ia3`: the same step with factors instead of a prompt.
- `peft, dynamic padding`: PEFT and a plain torch loop, rows in random order, padded to the longest of a batch, loss
  from full logits as the model itself computes it.
- `peft, Trainer`: PEFT and the `Trainer` of transformers, with the same rows, batches, optimiser and clipping.
- `peft, padded to the limit`: the same, padded to `--max-input` and `--max-output`, as in the loops of earlier tools.

All have the weights in the same dtype, without autocast. The last lines compare the matrix products of the loop with
what this machine reaches in large ones at the same moment, and list the operators that take the rest of the time.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import peft
import torch
from torch.profiler import ProfilerActivity, profile
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

IGNORED = -100
"""Label of a position that does not count towards the loss of transformers."""

Step = Callable[[Sequence[EncodedRow]], None]
Epoch = Callable[[Sequence[EncodedRow], Sequence[Sequence[int]]], float]
"""Trains on the rows in batches and returns the examples per second."""


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


def matrix_peak(dtype: torch.dtype, device: str) -> float:
    """Return the floating-point operations per second of large matrix products, the median of several."""
    a_NN, b_NN = (torch.randn(2048, 2048, device=device).to(dtype) for _ in range(2))
    rates = []
    for _ in range(7):
        started = time.perf_counter()
        (a_NN @ b_NN).sum().item()
        rates.append(2 * 2048**3 / (time.perf_counter() - started))
    return statistics.median(rates)


def profiled(
    step: Step, rows: Sequence[EncodedRow], batches: Sequence[Sequence[int]]
) -> tuple[float, dict[str, float]]:
    """Return the floating-point operations in matrix products of one example, and the operators' shares of the time."""
    with profile(activities=[ProfilerActivity.CPU], with_flops=True) as profiler:
        for batch in batches:
            step([rows[place] for place in batch])
    events = profiler.key_averages()
    total = sum(event.self_cpu_time_total for event in events)
    shares = {event.key: event.self_cpu_time_total / total for event in events}
    largest = dict(sorted(shares.items(), key=lambda item: -item[1])[:8])
    products = ("aten::mm", "aten::addmm", "aten::bmm", "aten::baddbmm")
    flops = sum(event.flops for event in events if event.key in products)
    return flops / sum(map(len, batches)), largest


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=("starter", "llama"), default="starter")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--virtual-tokens", type=int, default=50)
    parser.add_argument("--max-input", type=int, default=256)
    parser.add_argument("--max-output", type=int, default=128)
    parser.add_argument("--no-padded", action="store_true", help="leave out the loop that is padded to the limit")
    parser.add_argument("--json", type=Path, help="a file for the figures")
    arguments = parser.parse_args()
    rows = make_rows(arguments.rows)
    shuffled = random.Random(1).sample(range(len(rows)), len(rows))
    size = arguments.batch_size
    plain = [shuffled[first : first + size] for first in range(0, len(rows), size)]
    bucketed = batch_order(rows, batch_size=size, seed=0, epoch=0)
    limits = (arguments.max_input, arguments.max_output)
    count = arguments.virtual_tokens

    def model() -> LoadedModel:
        """Return a model of one loop's own, because PEFT wraps the model."""
        return make_model(arguments.shape, arguments.dtype)

    ours = our_step(model(), PromptTuning(), count)
    with TemporaryDirectory() as folder:
        loops: dict[str, tuple[Epoch, Sequence[Sequence[int]]]] = {
            "foreword": (steps(ours), bucketed),
            "foreword, ia3": (steps(our_step(model(), IA3(), count)), bucketed),
            "peft, dynamic padding": (steps(peft_step(model(), count, None)), plain),
            "peft, Trainer": (trainer_epoch(model(), count, size, folder), plain),
        }
        if not arguments.no_padded:
            loops["peft, padded to the limit"] = (steps(peft_step(model(), count, limits)), plain[:1])
        speeds: dict[str, list[float]] = {name: [] for name in loops}
        for number in range(arguments.rounds + 1):
            for name, (epoch, batches) in loops.items():
                speed = epoch(rows, batches)
                if number:  # the first round warms up
                    speeds[name].append(speed)
    peak = matrix_peak(getattr(torch, arguments.dtype), "cpu")
    flops, operators = profiled(ours, rows, bucketed)
    medians = {name: statistics.median(values) for name, values in speeds.items()}
    ratios = {
        name: statistics.median(own / other for own, other in zip(speeds["foreword"], values, strict=True))
        for name, values in speeds.items()
    }
    share = flops * medians["foreword"] / peak
    print(f"{arguments.shape}, {arguments.dtype}, batch {size}, P {count}, {torch.get_num_threads()} threads")
    for name, median in medians.items():
        print(f"    {name:28} {median:7.1f} examples/s   foreword is {ratios[name]:.2f}x")
    print(f"    matrix products reach {peak / 1e9:.0f} GFLOP/s; the loop {share:.0%} of that, all operators included")
    print("    time by operator: " + ", ".join(f"{name} {part:.0%}" for name, part in operators.items()))
    if arguments.json:
        figures = {
            "shape": arguments.shape, "dtype": arguments.dtype, "batch_size": size, "virtual_tokens": count,
            "threads": torch.get_num_threads(), "examples_per_second": medians, "ratios": ratios,
            "matrix_peak_flops": peak, "share_of_peak": share, "operators": operators,
        }  # fmt: skip
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
