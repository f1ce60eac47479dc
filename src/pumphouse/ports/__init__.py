"""What the core needs from the world: small Protocols whose docstrings are the contract."""
