"""The prompt lab: one prompt, several models, their answers side by side."""
