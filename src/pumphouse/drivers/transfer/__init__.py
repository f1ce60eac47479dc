"""`ports.transfer`: bytes from one cloud to another. Start reading at README.md."""
