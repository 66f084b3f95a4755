"""Events: the catalogue of event types, and the checks that a published event must pass."""
