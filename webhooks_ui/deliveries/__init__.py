"""Deliveries: the log, changes, exports, and how pages show them."""
