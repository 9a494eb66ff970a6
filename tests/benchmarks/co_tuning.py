"""The speed of runs that are tuned together against the same runs one after another, as ratios within one run.

    python tests/benchmarks/co_tuning.py [--shape starter|llama] [--dtype float32|bfloat16] [--batch-size 2 16]

Both make the same updates of the same runs, from their first update on; they take turns, so that a busy machine slows
both alike, and the median of the rounds' ratios counts. `same` are runs of prompt tuning with `--virtual-tokens`
vectors; `mixed` alternate between these, factors, and a prompt of half the length with Adafactor. No run has company
that it would not have in the service: this measures `CoTuner` itself, without evaluation, leases and checkpoints.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tuning_loops import make_model

from foreword.domain.dataset import Row
from foreword.domain.experiment import TaskOptions, TunePlan
from foreword.domain.parameters import TuneParameters, resolve_parameters
from foreword.plugin.interfaces import LoadedModel, TuningMethod
from foreword.tuning.company.co_tuning import CoTuner
from foreword.tuning.runs.run import TuningRun
from foreword_methods.ia3 import IA3
from foreword_methods.prompt_tuning import PromptTuning
from foreword_tasks.classification import Classification

WORDS = ("the", "order", "was", "late", "and", "nobody", "called", "me", "about", "a", "broken", "lamp", "in", "shop")
LABELS = ("Service", "Planning", "Warehouse", "Sales", "Service, Planning")


def make_rows(count: int, seed: int) -> list[Row]:
    """Make rows of the length of complaints: about 20 words, some up to 60."""
    generator = random.Random(seed)
    lengths = [min(60, max(6, round(generator.lognormvariate(2.9, 0.5)))) for _ in range(count)]
    return [
        Row(number=number, input=" ".join(generator.choices(WORDS, k=length)), output=generator.choice(LABELS))
        for number, length in enumerate(lengths, start=1)
    ]


def make_runs(model: LoadedModel, kind: str, arguments: argparse.Namespace, batch_size: int) -> list[TuningRun]:
    """Return new runs, as many as the largest company has."""
    virtual = arguments.virtual_tokens
    kinds: list[tuple[TuningMethod, dict[str, Any]]] = [(PromptTuning(), {"num_virtual_tokens": virtual})]
    if kind == "mixed":
        half = {"num_virtual_tokens": max(1, virtual // 2), "optimizer": "adafactor"}
        kinds += [(IA3(), {}), (PromptTuning(), half), (IA3(), {})]
    runs = []
    for number in range(max(arguments.runs)):
        method, values = kinds[number % len(kinds)]
        rows = make_rows(batch_size * (arguments.updates + 1), seed=number)
        requested = TuneParameters(
            batch_size=batch_size, num_epochs=100, learning_rate=0.01, validation_split=0.0, seed=number,
            init_method="sample_vocab", **values,
        )  # fmt: skip
        parameters, _ = resolve_parameters(requested, TuneParameters())
        plan = TunePlan(
            parameters=parameters, sources={}, training_row_count=len(rows), validation_row_count=0, planned_updates=0,
            trainable_parameter_count=0, estimated_seconds=0.0, warnings=(),
            schema=Classification().fit(rows, TaskOptions()),
        )  # fmt: skip
        runs.append(
            TuningRun(model=model, method=method, task=Classification(), plan=plan, verbalizer="{{input}}", rows=rows)
        )
    return runs


def seconds_of(model: LoadedModel, companies: Sequence[Sequence[TuningRun]], updates: int, tokens: int | None) -> float:
    """Make some updates of every run, company by company, and return the time."""
    seconds = 0.0
    for runs in companies:
        company = CoTuner(model, pass_tokens=tokens)
        for number, run in enumerate(runs):
            company.add(run, tenant=str(number))
        started = time.perf_counter()
        while company.runs:
            for run, report in company.step().reports:
                if report.step == updates:
                    company.remove(run)
        seconds += time.perf_counter() - started
    return seconds


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=("starter", "llama"), default="starter")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--runs", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--batch-size", type=int, nargs="+", default=[2, 16])
    parser.add_argument("--kinds", nargs="+", choices=("same", "mixed"), default=["same", "mixed"])
    parser.add_argument("--updates", type=int, default=6)
    parser.add_argument("--virtual-tokens", type=int, default=50)
    parser.add_argument("--pass-tokens", type=int, help="tokens up to which passes are filled; default: the service's")
    parser.add_argument("--json", type=Path, help="a file for the figures")
    arguments = parser.parse_args()
    model = make_model(arguments.shape, arguments.dtype)
    model.module.to(arguments.device)
    figures: list[dict[str, Any]] = []
    print(f"{arguments.shape}, {arguments.dtype}, P {arguments.virtual_tokens}, {torch.get_num_threads()} threads")
    for batch_size in arguments.batch_size:
        for kind in arguments.kinds:
            for count in arguments.runs:
                together, apart = [], []
                for number in range(arguments.rounds + 1):
                    first, second = (make_runs(model, kind, arguments, batch_size)[:count] for _ in range(2))
                    tokens, updates = arguments.pass_tokens, arguments.updates
                    apart_seconds = seconds_of(model, [[run] for run in first], updates, tokens)
                    together_seconds = seconds_of(model, [second], updates, tokens)
                    if number:  # the first round warms up
                        apart.append(apart_seconds)
                        together.append(together_seconds)
                rows = count * arguments.updates * batch_size
                ratios = [alone / common for alone, common in zip(apart, together, strict=True)]
                figures.append(
                    {
                        "shape": arguments.shape, "dtype": arguments.dtype, "batch_size": batch_size, "kind": kind,
                        "runs": count, "ratio": statistics.median(ratios), "ratios": ratios,
                        "examples_per_second_together": rows / statistics.median(together),
                        "examples_per_second_apart": rows / statistics.median(apart),
                    }
                )  # fmt: skip
                print(
                    f"    batch {batch_size:2}  {kind:5}  {count} runs   together "
                    f"{figures[-1]['examples_per_second_together']:7.1f} examples/s   apart "
                    f"{figures[-1]['examples_per_second_apart']:7.1f}   {figures[-1]['ratio']:.2f}x "
                    f"({min(ratios):.2f} to {max(ratios):.2f})",
                    flush=True,
                )
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
