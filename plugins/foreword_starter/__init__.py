"""The embedded base model: small enough for two cores, so that a machine without a model hub sees the real thing."""
