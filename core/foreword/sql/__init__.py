"""SQLite or PostgreSQL behind the same code: what every store of Foreword is built on, whatever it keeps."""
