"""Hashes of passwords, read from one Keystone's database and written into another's."""
