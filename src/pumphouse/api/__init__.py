"""The REST API: `/v1` routers over the services, problem details, and the event stream."""
