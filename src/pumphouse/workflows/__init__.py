"""The workflows: each plans, finds and names its steps; no HTTP, no SQL, no import of one another."""
