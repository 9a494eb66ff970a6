"""Events: stored in the transactions of the changes that they describe, and kept until they are delivered."""
