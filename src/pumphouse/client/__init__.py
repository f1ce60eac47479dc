"""A small typed client of the REST API, over HTTP or straight into the application in this process."""
