"""Sealing with a key file outside the database."""
