"""The worker: leases experiments, runs them, survives its own death."""
