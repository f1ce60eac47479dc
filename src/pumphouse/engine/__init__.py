"""Runs operations durably: steps in order, items in parallel, pause, cancel, retry, undo, resume. Knows ports only."""
