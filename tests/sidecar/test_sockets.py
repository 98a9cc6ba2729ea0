"""Unix sockets stand where nobody else could have put them, and replace nothing that anybody uses."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import grpc
import pytest

from pdp_sidecar.callers import Peer
from pdp_sidecar.sockets import Socket, SocketError, listening, peer_of, runtime_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "run"
    found.mkdir(mode=0o700)
    return found


def refused(path: Path | str, **options) -> str:
    with pytest.raises(SocketError) as caught:
        Socket(str(path), **options)
    return caught.value.message


def connects(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(path))
        except OSError:
            return False
        return True


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
def test_a_socket_is_the_owners_alone_whatever_the_umask(folder, umask):
    place, before = Socket(str(folder / "s")), os.umask(umask)
    try:
        listener = listening(place)
    finally:
        os.umask(before)

    assert mode_of(folder / "s") == 0o600
    assert place.private
    assert connects(folder / "s")
    listener.close()
    place.close()


def test_a_socket_has_the_mode_and_the_group_that_were_asked_for(folder):
    place = Socket(str(folder / "s"), mode=0o660, group=str(os.getgid()))

    listener = listening(place)

    assert mode_of(folder / "s") == 0o660
    assert (folder / "s").stat().st_gid == os.getgid()
    assert not place.private
    listener.close()
    place.close()


def test_a_socket_is_nowhere_before_it_is_published(folder):
    place = Socket(str(folder / "s"))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(place.draft)
        listener.listen()

        before = (folder / "s").exists()
        hidden = mode_of(Path(place.draft).parent)
        place.publish()

        assert (before, hidden) == (False, 0o700)
        assert connects(folder / "s")
        place.close()


def test_nothing_but_the_lock_stays(folder):
    place = Socket(str(folder / "s"))
    listener = listening(place)

    listener.close()
    place.close()
    place.close()

    assert names(folder) == ["s.lock"]


def test_what_took_its_place_is_not_removed(folder):
    place = Socket(str(folder / "s"))
    listener = listening(place)
    (folder / "s").unlink()
    (folder / "s").write_text("another's")

    place.close()

    assert (folder / "s").read_text() == "another's"
    listener.close()


def test_a_socket_that_nobody_answers_at_is_replaced(folder):
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(folder / "s"))
    left.close()
    assert not connects(folder / "s")

    place = Socket(str(folder / "s"))
    listener = listening(place)

    assert connects(folder / "s")
    listener.close()
    place.close()


def test_a_socket_that_somebody_answers_at_is_left_to_them(folder):
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(folder / "s"))
        other.listen()

        message = refused(folder / "s")

        assert message == f"process {os.getpid()} of user {os.geteuid()} serves at `{folder}/s`"
        assert connects(folder / "s")


def test_a_socket_whose_queue_is_full_is_not_stale(folder):
    with socket.socket(socket.AF_UNIX) as other, socket.socket(socket.AF_UNIX) as waits:
        other.bind(str(folder / "s"))
        other.listen(0)
        waits.connect(str(folder / "s"))
        waits.setblocking(False)

        message = refused(folder / "s")

        assert "serves at" in message
        assert (folder / "s").exists()


def test_of_two_starts_at_once_one_is_told_of_the_other(folder):
    first = Socket(str(folder / "s"))

    message = refused(folder / "s")

    assert message == f"process {os.getpid()} serves at `{folder}/s`"
    first.close()
    Socket(str(folder / "s")).close()


def test_a_process_that_was_killed_holds_no_place(folder):
    code = (
        "import os, signal, sys; from pdp_sidecar.sockets import *; place = Socket(sys.argv[1]);"
        "s = listening(place); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code, str(folder / "s")], check=False)
    assert (folder / "s").is_socket()

    place = Socket(str(folder / "s"))
    listener = listening(place)

    assert connects(folder / "s")
    listener.close()
    place.close()


@pytest.mark.parametrize("what", ["file", "folder", "link to nothing", "link to a socket"])
def test_what_is_no_socket_is_never_removed(folder, what):
    at = folder / "s"
    if what == "file":
        at.write_text("keep")
    elif what == "folder":
        at.mkdir()
    else:
        target = folder / "there"
        at.symlink_to(target)
        if what.endswith("socket"):
            with socket.socket(socket.AF_UNIX) as left:
                left.bind(str(target))
    before = os.lstat(at)

    message = refused(at)

    assert "is left as it is" in message
    assert os.lstat(at).st_ino == before.st_ino


def test_what_is_put_there_at_the_last_moment_is_not_replaced(folder):
    place = Socket(str(folder / "s"))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(place.draft)
        (folder / "s").write_text("another's")

        with pytest.raises(SocketError, match="was put there meanwhile"):
            place.publish()
        place.close()

    assert (folder / "s").read_text() == "another's"


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702, 0o1777])
def test_a_folder_that_others_write_to_is_refused(folder, mode):
    folder.chmod(mode)

    message = refused(folder / "s")

    assert f"others may write to `{folder}`" in message
    assert names(folder) == []


def test_a_folder_below_one_that_others_write_to_is_refused_unless_it_is_sticky(folder):
    below = folder / "ours"
    below.mkdir(mode=0o700)
    folder.chmod(0o777)

    message = refused(below / "s")
    folder.chmod(0o1777)
    Socket(str(below / "s")).close()

    assert f"others may write to `{folder}`" in message


def test_a_volume_that_containers_share_has_to_be_named_as_one(folder):
    folder.chmod(0o777)

    place = Socket(str(folder / "s"), shared=True)
    listener = listening(place)

    assert connects(folder / "s")
    listener.close()
    place.close()


def test_a_folder_that_is_a_link_is_refused(folder, tmp_path):
    (tmp_path / "link").symlink_to(folder)

    assert refused(tmp_path / "link" / "s") == f"`{tmp_path}/link` is a symbolic link"


def test_where_a_link_above_leads_is_looked_at_too(folder, tmp_path):
    (folder / "open").mkdir()
    (folder / "open").chmod(0o777)
    (folder / "open" / "ours").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(folder / "open")

    assert "others may write to" in refused(tmp_path / "link" / "ours" / "s")


def test_a_folder_of_another_user_is_refused(folder, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 4_000_000)

    if os.getuid():
        assert "belongs to another user" in refused(folder / "s")
    else:
        os.chown(folder, 12345, -1)
        assert refused(folder / "s") == f"`{folder}` belongs to another user, who could put another socket there"


def test_a_socket_of_another_user_is_left_alone(folder):
    if os.getuid():
        pytest.skip("only root can give a socket away")
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(folder / "s"))
    os.chown(folder / "s", 12345, -1)

    assert refused(folder / "s") == f"`{folder}/s` is a socket of another user"


def test_a_lock_that_is_a_link_is_not_followed(folder, tmp_path):
    (folder / "s.lock").symlink_to(tmp_path / "precious")

    message = refused(folder / "s")

    assert message == f"`{folder}/s.lock` cannot be opened: it is a symbolic link"
    assert not (tmp_path / "precious").exists()


def test_a_folder_that_is_not_there_is_not_made(folder):
    assert refused(folder / "more" / "s") == f"there is no folder `{folder}/more`"


@pytest.mark.parametrize("name", ["", "a\0b", "/" + "x" * 107])
def test_what_is_no_path_of_a_socket_is_refused(name):
    assert refused(name)


def test_a_group_that_is_not_there_is_refused(folder):
    assert refused(folder / "s", group="no-such-group") == "there is no group `no-such-group`"


def test_the_kernel_says_who_is_at_the_other_end():
    here, there = socket.socketpair()
    with here, there:
        assert peer_of(here) == Peer(uid=os.geteuid())


def test_at_the_other_end_of_tcp_is_nobody_in_particular():
    with socket.socket() as tcp:
        assert peer_of(tcp) == Peer()


def test_grpc_serves_at_a_published_socket_and_leaves_the_rest_alone(folder):
    async def serve() -> tuple[int, list[str], list[str]]:
        place = Socket(str(folder / "s"))
        server = grpc.aio.server()
        server.add_insecure_port(f"unix:{place.draft}")
        place.publish()
        await server.start()
        async with grpc.aio.insecure_channel(f"unix:{folder}/s") as channel:
            await asyncio.wait_for(channel.channel_ready(), 10)
        there = names(folder)
        mode = mode_of(folder / "s")
        await server.stop(None)
        place.close()
        return mode, there, names(folder)

    assert asyncio.run(serve()) == (0o600, ["s", "s.lock"], ["s.lock"])


class TestRuntimeFolder:
    def test_is_in_that_of_the_session(self, folder, monkeypatch):
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))

        found = runtime_folder()

        assert found == folder / "pdp"
        assert mode_of(found) == 0o700

    def test_is_under_the_temporary_folder_else(self, tmp_path, monkeypatch):
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "missing"))
        monkeypatch.setattr("os.access", lambda *_: False)
        monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))

        assert runtime_folder() == tmp_path / f"pdp-{os.geteuid()}"
        assert mode_of(runtime_folder()) == 0o700

    def test_is_none_that_others_write_to(self, folder, monkeypatch):
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
        (folder / "pdp").mkdir()
        (folder / "pdp").chmod(0o777)

        with pytest.raises(SocketError, match="others may write to"):
            runtime_folder()

    def test_is_no_link(self, folder, tmp_path, monkeypatch):
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
        (folder / "pdp").symlink_to(tmp_path)

        with pytest.raises(SocketError, match="is a symbolic link"):
            runtime_folder()
