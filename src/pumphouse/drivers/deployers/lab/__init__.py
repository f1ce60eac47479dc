"""The deployer of the one-machine lab."""
