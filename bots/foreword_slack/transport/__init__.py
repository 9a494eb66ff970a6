"""Receipt of events over sockets or signed requests; each is stored in the inbox before it is acknowledged."""
