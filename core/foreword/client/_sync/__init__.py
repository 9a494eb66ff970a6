"""The blocking client. Only `waiting.py` is written here; `unasync.py` generates the rest out of `_async`."""
