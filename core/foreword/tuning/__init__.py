"""Tuning: the plan of a run, the trainer that carries it out, and what its curve says.

`plan`, `split` and `advice` need no torch; the rest does.
"""
