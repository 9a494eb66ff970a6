"""The captured requests of deployments."""
