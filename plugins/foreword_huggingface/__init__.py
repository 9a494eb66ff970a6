"""Base models from Hugging Face, by id or from a local folder: encoder-decoder and causal."""
