"""The HTTP client that sends deliveries."""
