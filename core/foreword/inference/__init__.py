"""The serving engine: one thread owns the model and batches rows of all tenants."""
