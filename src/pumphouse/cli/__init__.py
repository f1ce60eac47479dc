"""The command line: `pumphouse NOUN VERB`. Speaks only the REST API, to a server or to the application in its own process."""
