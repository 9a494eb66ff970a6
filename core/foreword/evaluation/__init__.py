"""Evaluation of the tuned model and its base model on held-out rows, with the same code as serving."""

from foreword.evaluation.compare import evaluate, held_out_metric

__all__ = ["evaluate", "held_out_metric"]
