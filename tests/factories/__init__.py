"""What several tests build on: small real models, tasks and plans."""
