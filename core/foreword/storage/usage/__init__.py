"""Usage as tenants and operators see it, with the journal that feeds it, and the quotas that are set."""
