"""Handlers of the inbox's events: messages, edits, clicks, timers.

A handler reads, calls the service outside any transaction, and ends with one transaction that changes the complaint,
appends to the audit, requests posts and marks the event as done.
"""
