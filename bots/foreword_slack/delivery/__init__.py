"""Delivery of the outbox's calls: within Slack's rate limits, with a distinct reaction to each kind of failure."""
