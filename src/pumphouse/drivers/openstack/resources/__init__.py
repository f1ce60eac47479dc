"""`ports.resources` on a real OpenStack cloud: one module per kind, all of one shape."""
