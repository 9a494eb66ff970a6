"""The gRPC server: one servicer per file, `convert` for all parsing, interceptors for what all RPCs share."""
