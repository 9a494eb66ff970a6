"""Complaint triage in Slack: route messages to departments, and turn corrections into training data."""
