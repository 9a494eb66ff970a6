"""What this server answers, counted for its tenants."""
