"""What stands outside and fits a port."""
