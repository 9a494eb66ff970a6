"""Evaluations at a worker: how systems are asked, and how their answers are stored and scored."""
