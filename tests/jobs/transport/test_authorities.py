"""The file of certificate authorities for libcurl."""

import resource
import tempfile
from pathlib import Path

import pytest

from jobs.transport.authorities import authorities_file


@pytest.mark.parametrize("most_bytes", [1_024, 0])  # with none, Python finds no temporary folder either
def test_a_full_disk_keeps_no_half_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most_bytes: int
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, hard))  # a longer file fails as on a full disk
    try:
        with pytest.raises(OSError, match="can't be written"):
            authorities_file(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []
