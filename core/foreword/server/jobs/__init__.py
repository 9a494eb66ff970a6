"""Experiments and evaluations as their owners see them: watches and comparisons."""
