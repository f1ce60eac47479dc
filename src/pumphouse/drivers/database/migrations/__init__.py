"""The shape of the database, step by step. Run by Alembic through migrate.py."""
