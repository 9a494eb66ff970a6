"""The speed and the memory of tuning against PEFT, as ratios within one run.

    python tests/benchmarks/tuning.py [--shape starter|llama] [--rounds 5] [--dtype float32|bfloat16] [--json FILE]
        [--picture FILE] [--quick]

Every loop makes updates from the same rows: by default prompt tuning, with batches of `--batch-size` rows, AdamW.
The loops take turns, so that a busy machine slows all of them alike, and medians over the rounds are compared:

- `foreword`: this service's trainer step.
- `foreword, ia3`: the same step with factors instead of a prompt.
- `peft, dynamic padding`: PEFT and a plain torch loop, rows in random order, padded to the longest of a batch, loss
  from full logits as the model itself computes it.
- `peft, Trainer`: PEFT and the `Trainer` of transformers, with the same rows, batches, optimiser and clipping.
- `peft, padded to the limit`: the same, padded to `--max-input` and `--max-output`, as in the loops of earlier tools.

All have the weights in the same dtype, without autocast. The memory of a loop is the largest resident memory of a
process of its own that trains one epoch; it includes the imports and the model, which are the same for all loops and
are measured as well. The last lines compare the matrix products of the loop with what this machine reaches in large
ones at the same moment, and list the operators that take the rest of the time. `--quick` only shows that it works.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch.profiler import ProfilerActivity, profile
from tuning_loops import NAMES, OURS, PADDED, Batches, Epoch, Setting, make_loop, make_rows
from tuning_memory import peak_bytes
from tuning_picture import draw

from foreword.plugin.interfaces import EncodedRow


def matrix_peak(dtype: torch.dtype, device: str) -> float:
    """Return the floating-point operations per second of large matrix products, the median of several."""
    a_NN, b_NN = (torch.randn(2048, 2048, device=device).to(dtype) for _ in range(2))
    rates = []
    for _ in range(7):
        started = time.perf_counter()
        (a_NN @ b_NN).sum().item()
        rates.append(2 * 2048**3 / (time.perf_counter() - started))
    return statistics.median(rates)


def profiled(epoch: Epoch, rows: Sequence[EncodedRow], batches: Batches) -> tuple[float, dict[str, float]]:
    """Return the floating-point operations in matrix products of one example, and the operators' shares of the time."""
    with profile(activities=[ProfilerActivity.CPU], with_flops=True) as profiler:
        epoch(rows, batches)
    events = profiler.key_averages()
    total = sum(event.self_cpu_time_total for event in events)
    shares = {event.key: event.self_cpu_time_total / total for event in events}
    largest = dict(sorted(shares.items(), key=lambda item: -item[1])[:8])
    products = ("aten::mm", "aten::addmm", "aten::bmm", "aten::baddbmm")
    flops = sum(event.flops for event in events if event.key in products)
    return flops / sum(map(len, batches)), largest


def measure(
    loops: Mapping[str, tuple[Epoch, Batches]], rows: Sequence[EncodedRow], num_rounds: int
) -> dict[str, list[float]]:
    """Return the examples per second of each loop in each round; the loops take turns."""
    speeds: dict[str, list[float]] = {name: [] for name in loops}
    for number in range(num_rounds + 1):
        for name, (epoch, batches) in loops.items():
            speed = epoch(rows, batches)
            if number:  # the first round warms up
                speeds[name].append(speed)
    return speeds


def parse() -> argparse.Namespace:
    """Parse the arguments."""
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
    parser.add_argument("--quick", action="store_true", help="one round of one batch, only to see that it works")
    parser.add_argument("--json", type=Path, help="a file for the figures")
    parser.add_argument("--picture", type=Path, help="a file for the picture, such as tuning.svg")
    return parser.parse_args()


def main() -> None:
    """Run the benchmark."""
    arguments = parse()
    setting = Setting(
        shape=arguments.shape,
        dtype=arguments.dtype,
        num_rows=arguments.batch_size if arguments.quick else arguments.rows,
        batch_size=arguments.batch_size,
        num_virtual_tokens=arguments.virtual_tokens,
        limits=(arguments.max_input, arguments.max_output),
    )
    rows = make_rows(setting.num_rows)
    names = [name for name in NAMES if not (arguments.no_padded and name == PADDED)]
    # First, because a process reports at least the memory that its parent has when it starts.
    base = peak_bytes(None, setting)
    memory = {name: peak_bytes(name, setting) for name in names}
    with TemporaryDirectory() as folder:
        loops = {name: make_loop(name, setting, rows, Path(folder)) for name in names}
        speeds = measure(loops, rows, 1 if arguments.quick else arguments.rounds)
    peak = matrix_peak(getattr(torch, setting.dtype), "cpu")
    flops, operators = profiled(loops[OURS][0], rows, loops[OURS][1])
    medians = {name: statistics.median(values) for name, values in speeds.items()}
    ratios = {
        name: statistics.median(own / other for own, other in zip(speeds[OURS], values, strict=True))
        for name, values in speeds.items()
    }
    share = flops * medians[OURS] / peak
    threads = torch.get_num_threads()
    title = (
        f"{setting.shape}, {setting.dtype}, batch {setting.batch_size}, P {setting.num_virtual_tokens}, "
        f"{threads} thread{'s' if threads > 1 else ''}"
    )
    print(title)
    for name, median in medians.items():
        extra = (memory[name] - base) / 1e6
        print(f"    {name:28} {median:7.1f} examples/s   foreword is {ratios[name]:.2f}x   {extra:6.0f} MB for tuning")
    print(f"    imports and model take {base / 1e6:.0f} MB in every loop")
    print(f"    matrix products reach {peak / 1e9:.0f} GFLOP/s; the loop {share:.0%} of that, all operators included")
    print("    time by operator: " + ", ".join(f"{name} {part:.0%}" for name, part in operators.items()))
    if arguments.json:
        figures = {
            "shape": setting.shape, "dtype": setting.dtype, "batch_size": setting.batch_size,
            "virtual_tokens": setting.num_virtual_tokens, "threads": threads,
            "examples_per_second": medians, "ratios": ratios, "peak_bytes": memory, "model_bytes": base,
            "matrix_peak_flops": peak, "share_of_peak": share, "operators": operators,
        }  # fmt: skip
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")
    if arguments.picture:
        draw(
            arguments.picture,
            title,
            speeds=medians,
            memory={name: size - base for name, size in memory.items()},
            share_of_peak=share,
        )


if __name__ == "__main__":
    main()
