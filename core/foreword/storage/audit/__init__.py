"""The audit log: records of changes, stored in the transactions of the changes that they describe."""
