"""The processes of RQ work with any Redis that the settings can name."""

from pathlib import Path

from tests.support.rig import Rig


def test_a_worker_starts_where_the_path_of_the_instance_folder_has_spaces_and_signs(tmp_path: Path) -> None:
    folder = tmp_path / "my files%20#1?"
    folder.mkdir()
    with Rig(folder) as product:
        product.start_worker()
        product.wait_for_workers(1)
        assert not product.log("worker-0")
