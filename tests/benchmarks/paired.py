"""A comparison of two models on the same rows: a paired bootstrap over the records of quality.py and starter.py.

    python tests/benchmarks/paired.py FIRST.jsonl SECOND.jsonl [--first tuned] [--second tuned]

Rows are drawn with replacement, each with the answers of all seeds, ten thousand times. The output shows both means,
the difference, its 95 % interval, and the share of draws in which the second model is better.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import numpy as np
from records import Answer, read_records
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics.chrf import CHRF

DRAWS: Final = 10_000

Score = Callable[[Answer], tuple[float, float]]
"""Numerator and denominator of one answer: a metric is the sum of the one over the sum of the other."""


def exact(answer: Answer) -> tuple[float, float]:
    """Return whether the label sets, or the texts, are the same."""
    if answer.metric == "labels":
        return float(_labels(answer.prediction) == _labels(answer.reference)), 1.0
    return float(answer.prediction.strip() == answer.reference.strip()), 1.0


def micro_f1(answer: Answer) -> tuple[float, float]:
    """Return the F1 terms over decisions for a label."""
    prediction, reference = _labels(answer.prediction), _labels(answer.reference)
    return 2.0 * len(prediction & reference), float(len(prediction) + len(reference))


def chrf(answer: Answer) -> tuple[float, float]:
    """Return the terms of chrF, from character n-grams of one text."""
    return CHRF().sentence_score(answer.prediction, [answer.reference]).score / 100, 1.0


def rouge_l(answer: Answer) -> tuple[float, float]:
    """Return the terms of ROUGE-L, from the longest common subsequence of words."""
    scorer = RougeScorer(["rougeL"], use_stemmer=True)
    return scorer.score(answer.reference, answer.prediction)["rougeL"].fmeasure, 1.0


METRICS: Final[Mapping[str, Mapping[str, Score]]] = {
    "labels": {"exact_match": exact, "micro_f1": micro_f1},
    "text": {"exact_match": exact, "chrf": chrf},
    "summary": {"rouge_l": rouge_l},
}


def _labels(text: str) -> frozenset[str]:
    return frozenset(part.strip() for part in text.split(",") if part.strip())


def tables(answers: list[Answer], score: Score) -> dict[tuple[int, int], np.ndarray]:
    """Return the numerator and denominator of each row, summed over seeds."""
    found: dict[tuple[int, int], np.ndarray] = defaultdict(lambda: np.zeros(2))
    for answer in answers:
        found[answer.place] += np.asarray(score(answer))
    return found


def compare(first: list[Answer], second: list[Answer], score: Score) -> tuple[float, float, float, float, float]:
    """Return both figures, the interval of their difference and the share of draws in which the second is better.

    Raises:
        ValueError: The models have no row in common.
    """
    one, other = tables(first, score), tables(second, score)
    places = sorted(set(one) & set(other))
    if not places:
        raise ValueError("the two have no row in common; run both on the same files and folds")
    a, b = np.stack([one[place] for place in places]), np.stack([other[place] for place in places])
    drawn = np.random.default_rng(0).integers(len(places), size=(DRAWS, len(places)))
    differences = _ratio(b[drawn].sum(axis=1)) - _ratio(a[drawn].sum(axis=1))
    low, high = np.quantile(differences, [0.025, 0.975])
    better = float((differences > 0).mean() + (differences == 0).mean() / 2)
    return float(_ratio(a.sum(axis=0))), float(_ratio(b.sum(axis=0))), float(low), float(high), better


def _ratio(sums: np.ndarray) -> np.ndarray:
    return np.asarray(sums[..., 0] / np.maximum(sums[..., 1], 1e-9))


def main() -> None:
    """Print one line per benchmark and metric."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    parser.add_argument("--first-system", default="tuned")
    parser.add_argument("--second-system", default="tuned")
    arguments = parser.parse_args()
    sides: list[dict[str, list[Answer]]] = []
    for file, system in ((arguments.first, arguments.first_system), (arguments.second, arguments.second_system)):
        by_benchmark: dict[str, list[Answer]] = defaultdict(list)
        for answer in read_records(file):
            if answer.system == system:
                by_benchmark[answer.benchmark].append(answer)
        sides.append(by_benchmark)
    print(f"{'benchmark':28} {'metric':12} first  second  difference [95 %]        second better")
    for benchmark in sorted(set(sides[0]) & set(sides[1])):
        first, second = sides[0][benchmark], sides[1][benchmark]
        for name, score in METRICS[first[0].metric].items():
            one, other, low, high, better = compare(first, second, score)
            print(
                f"{benchmark:28} {name:12} {one:.3f}  {other:.3f}   {other - one:+.3f} [{low:+.3f}, {high:+.3f}]"
                f"   {better:.1%}"
            )


if __name__ == "__main__":
    main()
