"""The typed Python client; needs neither torch nor a server's packages."""
