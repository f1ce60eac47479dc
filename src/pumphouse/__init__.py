"""Pumphouse: move a living OpenStack cloud to a new release side by side, on the same hardware."""
