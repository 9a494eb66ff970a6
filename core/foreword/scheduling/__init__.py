"""The worker, which leases and runs experiments. A run survives the death of its worker."""
