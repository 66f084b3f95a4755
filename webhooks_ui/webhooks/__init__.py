"""Webhooks: the list, changes, notices, statistics, and the check of their URLs."""
