"""What all RPCs share: interceptors, the access log, coding of messages, errors and threads."""
