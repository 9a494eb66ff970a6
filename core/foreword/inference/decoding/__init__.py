"""Text generation: a batch whose rows choose their next tokens, each by its own parameters."""
