"""What owners store, bound to their tenant: one repository for each kind of resource."""
