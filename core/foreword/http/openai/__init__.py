"""An interface like that of OpenAI, under `/v1`: models, completions and chat completions, files, and fine-tuning jobs.

A value that cannot be honoured is refused by name. Errors have OpenAI's form, with the reason and the remedy of the
service.
"""
