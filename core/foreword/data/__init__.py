"""Reading rows as they arrive, and the report about them."""
