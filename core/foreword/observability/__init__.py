"""Logging, and the error ids that connect errors with log entries."""
