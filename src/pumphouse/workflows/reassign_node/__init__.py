"""A node leaves its environment: for another one (`reassign_node`) or for good (`delete_node`); started by the services by kind."""

from pumphouse.workflows.reassign_node.delete import DeleteNode
from pumphouse.workflows.reassign_node.workflow import ReassignNode

__all__ = ["DeleteNode", "ReassignNode"]
