"""Drivers that build and take down nodes."""
