"""The tuning engine: plan, trainer, checkpoints, advice."""
