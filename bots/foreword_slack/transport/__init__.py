"""How events come in: sockets or signed requests, into the inbox before Slack is told that they arrived."""
