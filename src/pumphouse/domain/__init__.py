"""The words of Pumphouse as frozen values; standard library only, imported by every other room."""
