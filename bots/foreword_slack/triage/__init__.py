"""What is done with each event of the inbox: a message, an edit, a click, a timer.

A handler reads, asks the service outside any transaction, and ends with one transaction that changes the complaint,
appends to the audit, asks for posts and marks the event as done.
"""
