"""One run: its updates, epochs and checkpoints."""
