"""The audit log's part of the server: which calls are recorded, and by whom they are made."""
