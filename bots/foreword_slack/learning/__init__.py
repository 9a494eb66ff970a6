"""From corrections to the next model: examples, a dataset, a run, a comparison on held-out rows, and a promotion."""
