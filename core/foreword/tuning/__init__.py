"""Tuning: the plan of a run, the run itself, several runs in common passes, and advice on its learning curve.

`plan`, `split` and `advice` do not import torch; the other modules do.
"""
