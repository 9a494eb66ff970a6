"""Migrations, one module each, oldest first."""
