"""Evaluation of the tuned model and its base model on held-out rows, with the same code as serving.

Also the rows that look mislabelled under the tuned model.
"""

from foreword.evaluation.compare import evaluate, held_out_metric
from foreword.evaluation.suspects import find_suspect_rows

__all__ = ["evaluate", "find_suspect_rows", "held_out_metric"]
