"""Between protobuf messages and the domain: the only parsing there is. Every fault of a request is collected."""
