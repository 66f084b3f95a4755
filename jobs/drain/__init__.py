"""The parts of a drain: what a ``deliver`` job has leased, queued and in flight."""
