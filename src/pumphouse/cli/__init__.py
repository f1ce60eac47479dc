"""The command line: typer and rich over the REST client."""
