"""Conversion between protobuf messages and the domain. All requests are parsed here, and every fault is reported."""
