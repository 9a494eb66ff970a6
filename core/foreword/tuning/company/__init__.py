"""Several runs on one base model, trained in common passes."""
