"""Sealing of credentials with keys from a file."""
