"""Captured requests: a sample of what deployments are asked and answer."""
