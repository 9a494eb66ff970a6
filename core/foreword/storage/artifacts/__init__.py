"""Files of resources in a folder or an object store, published together with their rows."""
