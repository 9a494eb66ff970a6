"""Drift: whether what a model is asked, and answers, still comes from where its training data came from."""
