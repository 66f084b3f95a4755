"""Chores: the scheduled jobs that aren't delivering."""
