"""A REST client for /v1, in process (ASGI) or over HTTP."""
