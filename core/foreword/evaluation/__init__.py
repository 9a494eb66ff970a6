"""Evaluation on held-out rows: the tuned model against its base model, by the same engine that serves."""

from foreword.evaluation.compare import evaluate, held_out_metric

__all__ = ["evaluate", "held_out_metric"]
