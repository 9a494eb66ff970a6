"""The built-in tuning methods."""
