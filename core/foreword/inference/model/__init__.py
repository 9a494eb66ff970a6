"""A base model as a network that rows with different adapters share."""
