"""What tenants may use at most, and what they have used: the checks in the transactions that would use more."""
