"""Lists of resources: their pages, page tokens, filters and orders."""
