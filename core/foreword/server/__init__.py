"""The gRPC service: one servicer per file, `convert` for all parsing, interceptors for what every RPC shares."""
