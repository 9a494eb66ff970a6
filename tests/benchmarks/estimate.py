"""The accuracy of the time estimate of a first plan.

    python tests/benchmarks/estimate.py [--rows 60 250 1000] [--epochs 2] [--threads N]

The complaints sample is truncated, or repeated with a number before each text, to each number of rows. It is tuned
without a refit and evaluated once, without the base model. The estimate is made in the same process, before each run,
from the speed of one layer.
"""

from __future__ import annotations

import argparse
import time
from itertools import cycle, islice

import torch
from cross_validation import Setup, Split, Tuner, make_rows, read_file

from foreword.plugin.manager import PluginManager
from foreword.samples import sample_path
from foreword.tuning.planning.speed import TuningSpeed


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="starter")
    parser.add_argument("--tuning-type", default="prompt_tuning")
    parser.add_argument("--dtype", default="float32", choices=("float32", "bfloat16"))
    parser.add_argument("--rows", type=int, nargs="+", default=[60, 250, 1000])
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--threads", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    plugins = PluginManager.load()
    base = plugins.base_model(arguments.model)
    tuner = Tuner(plugins, base, dtype=arguments.dtype)
    sample = read_file(sample_path("complaints"))
    setup = Setup(
        task="classification",
        tuning_type=arguments.tuning_type,
        values={"num_epochs": arguments.epochs, "refit": False},
    )
    for count in arguments.rows:
        repeated = islice(enumerate(cycle(sample)), count)
        rows = make_rows(
            (row.input if place < len(sample) else f"{place}: {row.input}", row.output) for place, row in repeated
        )
        begin = time.perf_counter()
        per_token = TuningSpeed(device="cpu", dtype=arguments.dtype).seconds_per_token(base.spec)
        measured = time.perf_counter() - begin
        split = Split(fold=0, training=rows, test=rows[:10])
        plan = tuner.plan(setup, rows, seed=0, seconds_per_token=per_token, evaluate_base=False)
        estimate = plan.estimated_seconds
        begin = time.perf_counter()
        tuner.run_epochs(setup, split, seed=0)[-1].evaluate(rows[: plan.validation_row_count])
        took = time.perf_counter() - begin
        print(
            f"{count:6} rows: estimated {estimate:.1f} s in {measured:.2f} s, took {took:.1f} s, "
            f"ratio {estimate / took:.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
