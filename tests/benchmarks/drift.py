"""How often drift is reported where there is none, and how often where there is some.

    python tests/benchmarks/drift.py ROWS OTHER [--trials 200] [--requests 150] [--shares 0.1 0.2 0.3 0.5]
    python tests/benchmarks/drift.py --streams 40

ROWS and OTHER are JSONL or JSON files of labelled rows. Each trial draws requests and training rows from ROWS, without
a row in both, so that nothing has drifted, and compares them as the service does. The model answers four fifths of the
rows right, and a fifth of the training rows is held out. The output is the share of trials in which each measure, and
any of them, reports drift; then the same with a share of requests from OTHER, whose answers are as they come and less
certain. The bound is the upper end of the 95 % interval of Clopper and Pearson.

A stream is that of a deployment that is looked at again and again: 2,000 requests of made-up texts in four topics, the
newest 1,000 of which are compared with 200 training rows of the same distribution after each 50. The output is the
share of streams with any false alarm at any of the 39 looks.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from foreword.domain.capture import CapturedRequest, SeenRequest
from foreword.domain.dataset import Row
from foreword.domain.drift import DriftVerdict
from foreword.drift.measures import measure
from foreword.drift.reference import sample_rows
from foreword.personal_data import redact_personal_data

ACCURACY: Final = 0.8
THRESHOLD: Final = 0.6
NOW: Final = datetime(2026, 1, 31, tzinfo=UTC)

Pair = tuple[str, str]


def read(path: Path) -> list[Pair]:
    """Return the inputs and outputs of a file."""
    text = path.read_text(encoding="utf-8")
    rows: list[dict[str, Any]] = (
        json.loads(text) if text.lstrip().startswith("[") else [json.loads(line) for line in text.splitlines() if line]
    )
    return [(row["input"], str(row["output"])) for row in rows]


class Model:
    """A model with errors and calibrated probabilities."""

    def __init__(self, outputs: list[str], draw: random.Random) -> None:
        self._outputs = outputs
        self._draw = draw

    def answer(self, output: str, *, certain: bool = True) -> tuple[str, float]:
        """Return the answer to a row, and its probability."""
        probability = self._draw.betavariate(8, 2) if certain else self._draw.betavariate(3, 3)
        return (output if self._draw.random() < probability else self._draw.choice(self._outputs)), probability


def request(number: int, pair: Pair, model: Model, *, certain: bool = True) -> CapturedRequest:
    """Return a captured request with its answer."""
    text, probability = model.answer(pair[1], certain=certain)
    seen = SeenRequest(
        request_id=str(number),
        revision=1,
        model="m",
        input=redact_personal_data(pair[0]),
        output=text,
        labels=(text,),
        probability=probability,
        threshold=THRESHOLD,
        abstained=probability < THRESHOLD,
    )
    return CapturedRequest(seen=seen, create_time=NOW)


def trial(rows: list[Pair], other: list[Pair], count: int, share: float, draw: random.Random) -> list[str]:
    """Return the measures that report drift."""
    drawn = draw.sample(rows, len(rows))
    requests, training = drawn[:count], drawn[count:]
    model = Model([output for _, output in rows], draw)
    new = draw.sample(other, round(share * count))
    captured = [request(number, pair, model) for number, pair in enumerate(requests[: count - len(new)])]
    captured += [
        request(count + number, (text, draw.choice(rows)[1]), model, certain=False)
        for number, (text, _) in enumerate(new)
    ]
    stored = [Row(number=place, input=text, output=output) for place, (text, output) in enumerate(training)]
    sample = sample_rows(stored, len(stored), redact_personal_data, str)
    held_out = []
    for _, output in training[: max(30, len(training) // 5)]:
        text, probability = model.answer(output)
        held_out.append(((text,), probability))
    found = measure(captured, sample, held_out, has_labels=True)
    return [item.kind.value for item in found if item.verdict is DriftVerdict.DRIFTED]


def made_up(count: int, draw: random.Random) -> list[Pair]:
    """Return texts of four topics whose words are Zipf-distributed, with their topics."""
    ranks = [1 / place for place in range(1, 401)]
    rows = []
    for _ in range(count):
        topic = draw.randrange(4)
        words = draw.choices(range(400), weights=ranks, k=max(3, round(draw.lognormvariate(3, 0.5))))
        rows.append((" ".join(f"word{(word * (2 * topic + 1)) % 401}" for word in words), f"topic{topic}"))
    return rows


def stream(draw: random.Random) -> list[str]:
    """Return the measures that report drift at any of the looks at a stream without drift."""
    training, rows = made_up(200, draw), made_up(2_000, draw)
    model = Model([output for _, output in training], draw)
    requests = [request(number, pair, model) for number, pair in enumerate(rows)]
    stored = [Row(number=place, input=text, output=output) for place, (text, output) in enumerate(training)]
    sample = sample_rows(stored, len(stored), redact_personal_data, str)
    held_out = [((text,), probability) for text, probability in (model.answer(output) for _, output in training[:40])]
    found = set()
    for end in range(100, len(requests) + 1, 50):
        measures = measure(requests[max(0, end - 1_000) : end], sample, held_out, has_labels=True)
        found |= {item.kind.value for item in measures if item.verdict is DriftVerdict.DRIFTED}
    return sorted(found)


def upper_bound(hits: int, trials: int) -> float:
    """Return the upper end of the interval of a share."""
    low, high = hits / trials, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if _at_most(hits, trials, middle) > 0.025 else (low, middle)
    return high


def _at_most(hits: int, trials: int, share: float) -> float:
    total, term = 0.0, (1 - share) ** trials
    for count in range(hits + 1):
        total += term
        term *= (trials - count) / (count + 1) * share / (1 - share) if share < 1 else 0.0
    return total


def main() -> None:
    """Print the shares of trials."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=Path, nargs="*", metavar="FILE", help="ROWS and OTHER")
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--requests", type=int, default=150)
    parser.add_argument("--shares", type=float, nargs="*", default=[0.1, 0.2, 0.3, 0.5])
    parser.add_argument("--streams", type=int, default=0)
    arguments = parser.parse_args()
    draw = random.Random(0)
    if arguments.streams:
        alarms = [drifted for drifted in (stream(draw) for _ in range(arguments.streams)) if drifted]
        bound = upper_bound(len(alarms), arguments.streams)
        print(f"{len(alarms)} of {arguments.streams} streams with a false alarm (at most {bound:.1%}): {alarms}")
        return
    rows, other = (read(path) for path in arguments.files)
    print(f"{arguments.requests} requests, {len(rows) - arguments.requests} training rows, {arguments.trials} trials")
    for share in (0.0, *arguments.shares):
        found: Counter[str] = Counter()
        for _ in range(arguments.trials):
            drifted = trial(rows, other, arguments.requests, share, draw)
            found.update(drifted or ())
            found["any"] += bool(drifted)
        shown = ", ".join(f"{name} {count / arguments.trials:.1%}" for name, count in found.most_common())
        bound = upper_bound(found["any"], arguments.trials)
        print(f"{share:4.0%} new: {shown} (any: at most {bound:.1%})", flush=True)


if __name__ == "__main__":
    main()
