"""Evacuation of a node; started by the services by its kind, `evacuate_node`, and by `reassign_node` as a child."""

from pumphouse.workflows.evacuate_node.workflow import EvacuateNode

__all__ = ["EvacuateNode"]
