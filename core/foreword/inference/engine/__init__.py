"""The engine: one thread that owns torch and batches the rows of all tenants."""
