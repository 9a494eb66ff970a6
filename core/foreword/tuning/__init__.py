"""Tuning: the plan of a run, the trainer that carries it out, and advice on its learning curve.

`plan`, `split` and `advice` do not import torch; the other modules do.
"""
