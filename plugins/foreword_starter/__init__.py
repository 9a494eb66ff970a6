"""The embedded base model: small enough for two CPU cores, and available without a model hub."""
