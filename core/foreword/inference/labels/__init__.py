"""Closed tasks: the log-probability of every answer that a request allows."""
