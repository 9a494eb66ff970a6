"""Evaluation of the tuned model and its base model on held-out rows, with the same code as serving.

Also the rows that look mislabelled under the tuned model, and the calibration of its answers.
"""

from foreword.evaluation.compare import evaluate, held_out_metric
from foreword.evaluation.suspects import find_suspect_rows
from foreword.evaluation.temperature import ScoredAnswer, calibrate

__all__ = ["ScoredAnswer", "calibrate", "evaluate", "find_suspect_rows", "held_out_metric"]
