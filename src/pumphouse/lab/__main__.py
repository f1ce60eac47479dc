"""`python -m pumphouse.lab`: the lab's commands without the rest of Pumphouse."""

from pumphouse.lab.commands import app

app()
