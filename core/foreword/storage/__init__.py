"""What must survive: tables, repositories, artifacts and migrations."""
