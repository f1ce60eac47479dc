"""Pydantic models of the REST API; what travels, nothing else."""
