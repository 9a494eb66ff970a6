"""Inference: requests in, generated text or label probabilities out.

From the top down:

    interfaces   what the server passes to an engine and gets back
    engine       one thread that owns torch and batches the requests of all tenants
    runner       one base model at work, for the engine and for evaluation
    labels       the probabilities of a closed set of answers
    decoding     text, token by token, in a batch whose rows come and go
    model        the base model at decoding: sequences are begun and fed tokens, on top of `foreword.network`
    residency    which base models are in memory
    errors       the errors that several of them raise

Each room imports only those below it; a contract in `pyproject.toml` checks this.
"""
