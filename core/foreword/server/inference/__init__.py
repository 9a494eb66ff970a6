"""From a request to the engine: the model that is meant, batches, plugin hooks and probes."""
