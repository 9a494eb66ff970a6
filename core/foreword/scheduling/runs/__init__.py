"""Runs at a worker: their stages from the lease to the tuned model, checkpoints, and the trials of sweeps."""
