r"""Retraining from corrections: examples, a dataset, a run, a comparison on held-out rows, and a promotion.

PROPOSED -> TUNING -> READY -> PROMOTED -> ROLLED_BACK
\-> DECLINED  \-> REJECTED | FAILED | DECLINED
"""
