"""Where notifications go: a webhook or the log, out of the outbox that the database keeps."""
