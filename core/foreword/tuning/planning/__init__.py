"""The plan of a run, made before it starts. Nothing here imports torch when it is imported."""
