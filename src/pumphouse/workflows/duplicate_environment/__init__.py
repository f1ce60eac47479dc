"""The workflows `duplicate_environment` and `delete_environment`; docs/duplication.md is their book."""

from pumphouse.workflows.duplicate_environment.delete import DeleteEnvironment
from pumphouse.workflows.duplicate_environment.workflow import DuplicateEnvironment

__all__ = ["DeleteEnvironment", "DuplicateEnvironment"]
