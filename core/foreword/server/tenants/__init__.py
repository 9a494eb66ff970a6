"""What a server does about tenants besides their RPCs: it purges deleted ones, and forgets those that are gone."""
