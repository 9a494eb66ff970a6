"""The built-in checks of dataset rows, one per file."""
