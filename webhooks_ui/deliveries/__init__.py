"""Deliveries: finding them in the log, changing them, and showing them."""
