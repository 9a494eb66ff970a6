"""Making the outbox's calls: at Slack's pace, with every kind of failure told apart."""
