"""Jobs: their queue, their leases and epochs, their state machine, and the turns of tenants at the workers."""
