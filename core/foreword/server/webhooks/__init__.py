"""Webhooks: which receivers may be reached, how events are signed and sent, and the senders of the server."""
