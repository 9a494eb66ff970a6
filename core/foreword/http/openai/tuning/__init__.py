"""Files of training rows, and fine-tuning jobs."""
