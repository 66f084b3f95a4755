import pytest


@pytest.fixture
def web() -> bool:
    """The pipeline is tested as a worker runs it: without pages."""
    return False
