"""The blocking client. Only `waiting.py` is written by hand; `unasync.py` generates the rest from `_async`."""
