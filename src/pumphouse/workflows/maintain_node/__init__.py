"""Node maintenance on and off; started by the services by its kind, `maintain_node`, and by other workflows as a child."""

from pumphouse.workflows.maintain_node.workflow import MaintainNode

__all__ = ["MaintainNode"]
