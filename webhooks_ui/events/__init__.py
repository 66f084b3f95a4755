"""Events: the catalogue of their types, and the checks that a publisher's event must pass."""
