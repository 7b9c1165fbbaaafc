"""Watching: what is true of registers, drives and the operator, and what a person should do about it."""
