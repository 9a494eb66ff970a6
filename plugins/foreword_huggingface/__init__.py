"""Base models from the Hugging Face hub or a local folder: encoder-decoder and causal models."""
