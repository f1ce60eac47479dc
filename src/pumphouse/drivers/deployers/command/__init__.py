"""The operator's own scripts as a deployer."""
