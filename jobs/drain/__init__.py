"""The drain: what a ``deliver`` job keeps leased, queued and in flight."""
