"""Complaint triage in Slack: messages come in, the right departments are told, corrections become training data."""
