"""Webhooks: finding, changing and judging them."""
