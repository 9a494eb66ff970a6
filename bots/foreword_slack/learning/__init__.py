r"""From corrections to the next model: examples, a dataset, a run, a comparison on held-out rows, and a promotion.

PROPOSED -> TUNING -> READY -> PROMOTED -> ROLLED_BACK
\-> DECLINED  \-> REJECTED | FAILED | DECLINED
"""
