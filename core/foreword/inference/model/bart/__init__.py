"""BART without the modules of transformers around its layers: fewer and larger operations for the same results."""
