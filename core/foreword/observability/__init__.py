"""Logs, and the ids of faults in them."""
