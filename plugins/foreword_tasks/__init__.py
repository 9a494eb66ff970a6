"""The built-in tasks: classification, generation and summarization."""
