"""What the product stores is for its own user alone: folders are 0700, files and sockets 0600."""

import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from config import ROOT, ConfigError, load
from webhooks_ui import create_app, private_files
from webhooks_ui.database import db
from webhooks_ui.instance_folder import UNIX_SOCKET_PATH_MAX_BYTES, redis_socket


def open_to_others(folder: Path) -> list[str]:
    """Return what others may read, write or enter, in ``folder`` and below."""
    paths = [folder, *folder.rglob("*")]
    return [str(path) for path in paths if not path.is_symlink() and path.lstat().st_mode & 0o077]


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    """Let new files be readable for all, as on most machines."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_a_new_instance_is_for_its_user_alone(tmp_path: Path) -> None:
    instance = tmp_path / "instance"
    app = create_app(load({"INSTANCE_PATH": str(instance)}))
    with app.app_context():
        db.create_all()
        with db.engine.connect().execution_options(writes=True) as connection:
            connection.execute(db.text("UPDATE users SET role = role"))
            connection.commit()
            names = {path.name for path in instance.iterdir()}
            assert names >= {f"webhooks.db{end}" for end in ("", "-wal", "-shm", "-writers")}
            assert open_to_others(instance) == []
        db.engine.dispose()


def test_an_instance_from_before_is_tightened_at_the_start(tmp_path: Path) -> None:
    instance = tmp_path / "instance"
    (instance / "demo").mkdir(parents=True)
    for path in (
        "secret_key",
        "encryption_keys",
        "webhooks.db",
        "webhooks.db-wal",
        "supervisord.log",
        "demo/redis.rdb",
    ):
        (instance / path).write_text("x" * 44)
        (instance / path).chmod(0o644)
    (instance / "encryption_keys").write_text("A" * 43 + "=")
    instance.chmod(0o755)
    (instance / "run").write_text("#!/bin/sh")
    (instance / "run").chmod(0o755)
    load({"INSTANCE_PATH": str(instance)})
    assert open_to_others(instance) == []
    assert stat.S_IMODE((instance / "run").stat().st_mode) == 0o700  # it can still be run


def test_what_a_link_leads_to_is_left_alone(tmp_path: Path) -> None:
    outside, instance = tmp_path / "outside", tmp_path / "instance"
    outside.mkdir()
    instance.mkdir()
    (outside / "file").write_text("")
    (outside / "file").chmod(0o644)
    outside.chmod(0o755)
    (instance / "file").symlink_to(outside / "file")
    (instance / "folder").symlink_to(outside)
    private_files.tighten(instance)
    assert stat.S_IMODE(outside.stat().st_mode) == 0o755
    assert stat.S_IMODE((outside / "file").stat().st_mode) == 0o644


def test_a_home_folder_is_closed_but_its_content_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "file").write_text("")
    (tmp_path / "file").chmod(0o644)
    tmp_path.chmod(0o755)
    private_files.tighten(tmp_path)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o644


def test_a_folder_that_all_users_share_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    with pytest.raises(ConfigError, match="INSTANCE_PATH must name a folder of its own"):
        load({"INSTANCE_PATH": str(tmp_path)})
    with pytest.raises(ConfigError, match="INSTANCE_PATH must name a folder of its own"):
        load({"INSTANCE_PATH": "/"})
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o1777


def test_a_mode_that_cannot_be_changed_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(path: Path, mode: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    tmp_path.chmod(0o755)
    monkeypatch.setattr(Path, "chmod", refuse)
    private_files.tighten(tmp_path)
    assert caplog.messages == [f"Other users may read {tmp_path}: its mode can't be changed (Operation not permitted)."]


def long_instance(tmp_path: Path) -> Path:
    folder = tmp_path / ("long" * 30)
    folder.mkdir(parents=True)
    return folder


def test_the_socket_for_a_long_path_is_in_a_folder_that_nobody_can_guess_or_enter(tmp_path: Path) -> None:
    instances = [long_instance(tmp_path / name) for name in ("a", "b")]
    sockets = [redis_socket(instance) for instance in instances]
    assert len({socket.parent for socket in sockets}) == 2
    for instance, socket in zip(instances, sockets, strict=True):
        assert redis_socket(instance) == socket
        assert len(os.fsencode(socket)) <= UNIX_SOCKET_PATH_MAX_BYTES
        assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
        socket.parent.rmdir()  # as a restart of the machine does
        assert redis_socket(instance) == socket
        socket.parent.rmdir()


def test_a_folder_for_the_socket_that_others_may_enter_is_refused(tmp_path: Path) -> None:
    instance = long_instance(tmp_path)
    folder = redis_socket(instance).parent
    folder.chmod(0o755)
    with pytest.raises(ConfigError, match="Somebody else made"):
        redis_socket(instance)
    folder.rmdir()
    folder.symlink_to(tmp_path)
    with pytest.raises(ConfigError, match="Somebody else made"):
        redis_socket(instance)
    folder.unlink()


def test_too_long_a_folder_for_temporary_files_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    instance = long_instance(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(instance))
    with pytest.raises(ConfigError, match="INSTANCE_PATH and TMPDIR are too long"):
        redis_socket(instance)


def test_a_copy_of_the_database_file_alone_lacks_what_was_written_last(tmp_path: Path) -> None:
    """Why docs/security.md says that such a copy is no backup."""
    file = tmp_path / "webhooks.db"
    write = (
        "import sqlite3, sys, os; c = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "c.execute('PRAGMA journal_mode=WAL'); c.execute('CREATE TABLE t (x)'); c.execute('INSERT INTO t VALUES (1)');"
        "os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", write, str(file)], cwd=ROOT, check=True)
    (tmp_path / "copy.db").write_bytes(file.read_bytes())
    with sqlite3.connect(tmp_path / "copy.db") as copy, pytest.raises(sqlite3.OperationalError, match="no such table"):
        copy.execute("SELECT * FROM t")
    copy.close()
