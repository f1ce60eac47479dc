"""What travels over the REST API, as pydantic models; used by the API to answer and by the client and the command line to read."""
