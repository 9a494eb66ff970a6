"""The domain model as frozen values, without database, protobuf or torch."""
