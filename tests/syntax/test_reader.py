import os
from pathlib import Path

import pytest

from pdp.errors import Diagnostic
from pdp.source import Source
from pdp.syntax import limits, parse
from pdp.syntax.reader import read_source


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.pdp"


def refused(path: Path) -> Diagnostic:
    found = read_source(path, "policies/a.pdp")
    assert isinstance(found, Diagnostic)
    return found


def test_a_file_is_read_as_it_is(path):
    path.write_bytes("type A # é\r\n".encode())

    found = read_source(path, "policies/a.pdp")

    assert isinstance(found, Source)
    assert (found.path, found.text) == ("policies/a.pdp", "type A # é\r\n")


@pytest.mark.parametrize(
    ("data", "byte", "place"),
    [
        pytest.param(b"type A\n# caf\xe9\n", "0xe9", "2:6", id="another encoding"),
        pytest.param("# é日😀".encode() + b"\xff", "0xff", "1:6", id="after characters of several bytes"),
        pytest.param(b"\xc0\xaf", "0xc0", "1:1", id="a slash in two bytes"),
        pytest.param(b"# \xed\xa0\x80", "0xed", "1:3", id="half a surrogate pair"),
        pytest.param("type A".encode("utf-16-le") + b"\xff", "0xff", "1:13", id="UTF-16"),
        pytest.param("# é".encode()[:-1], "0xc3", "1:3", id="a file that is cut off"),
    ],
)
def test_bytes_that_are_no_utf_8_are_told_with_their_place(path, data, byte, place):
    path.write_bytes(data)

    found = refused(path)

    assert (found.code, found.message, found.help) == (
        "invalid_utf8",
        f"the byte {byte} is no UTF-8",
        "save the file as UTF-8",
    )
    assert (str(found.span), found.span.text) == (f"policies/a.pdp:{place}", "\ufffd")


def test_a_file_that_is_too_large_is_told(path):
    path.write_bytes(b"#" * (limits.MAX_FILE_BYTES + 1))

    found = refused(path)

    assert (found.code, found.message, str(found.span), found.help) == (
        "file_too_large",
        "the file is larger than 8388608 bytes",
        "policies/a.pdp:1:1",
        "split it into several files",
    )


def test_a_file_of_the_limit_is_read(path):
    path.write_bytes(b"12345")

    assert isinstance(read_source(path, "a.json", limit=5), Source)
    assert isinstance(read_source(path, "a.json", limit=4), Diagnostic)


def test_no_more_than_the_limit_is_read(path):
    with path.open("wb") as file:
        file.truncate(2**40)

    assert refused(path).code == "file_too_large"


def test_a_file_that_is_not_there_is_told(path):
    found = refused(path)

    assert (found.code, found.message, found.help) == (
        "unreadable_file",
        "the file cannot be read: no such file or directory",
        "mend it or remove it: none is passed over",
    )
    assert found.span is not None
    assert found.span.source.path == "policies/a.pdp"


def test_a_folder_is_told(path):
    path.mkdir()

    assert refused(path).code == "unreadable_file"


def test_a_file_that_nobody_may_read_is_told(path):
    path.write_text("type A")
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read every file")

    assert refused(path).message == "the file cannot be read: permission denied"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_a_named_pipe_is_not_waited_for(path):
    os.mkfifo(path)

    found = refused(path)

    assert (found.code, found.message) == ("unreadable_file", "the file cannot be read: it is not a regular file")


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="there are no devices")
def test_a_device_is_not_read():
    assert refused(Path("/dev/zero")).code == "unreadable_file"


def test_a_path_that_cannot_exist_is_told():
    assert refused(Path("a\0b")).code == "unreadable_file"


def test_a_byte_order_mark_is_told_and_nothing_else(path):
    path.write_text("type A", encoding="utf-8-sig")

    source = read_source(path, "a.pdp")

    assert isinstance(source, Source)
    assert [each.code for each in parse(source)[1]] == ["byte_order_mark"]
