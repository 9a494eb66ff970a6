"""Batch jobs at a worker: how rows are answered, and how their answers are stored."""
