"""Chores: the scheduled jobs that don't deliver."""
