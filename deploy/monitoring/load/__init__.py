"""A real service, its worker and a Slack bot at work on loopback, so that there is something to draw."""
