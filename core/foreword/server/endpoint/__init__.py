"""The gRPC server itself: its address, options, health service and memory."""
