"""The front door: reads requests apart from the threads that answer them, so that a stalled client holds up nobody."""
