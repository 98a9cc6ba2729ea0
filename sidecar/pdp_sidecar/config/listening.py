"""Where a sidecar is to listen, and whether that is safe."""

from __future__ import annotations

import re
from typing import Final

from pdp.classes import dataclass
from pdp.configuration.places import Path
from pdp.configuration.report import Report
from pdp_sidecar.addresses import HELP, Address
from pdp_sidecar.config.sections import ListenerOptions, Options
from pdp_sidecar.sockets import SocketError, runtime_folder

PROTOCOLS: Final = ("grpc", "http", "frames", "operations")

_MODE: Final = re.compile(r"0?[0-7]{3}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """Where a protocol is spoken. `secure` says that it is by TLS; a Unix socket has mode and group."""

    protocol: str
    address: Address
    secure: bool = False
    mode: int = 0o600
    group: str | None = None
    shared_folder: bool = False

    @property
    def is_private(self) -> bool:
        """Whether the kernel lets nobody connect but the user whose process this is."""
        return self.address.is_unix and self.mode & 0o077 == 0


def listeners(options: Options, report: Report, *, insecure: bool) -> tuple[Listener, ...]:
    """Return where to listen; what cannot be, stands in the report."""
    found = []
    for protocol in PROTOCOLS:
        given: str | ListenerOptions | None = getattr(options.listen, protocol)
        if given is not None:
            written = ListenerOptions(address=given) if isinstance(given, str) else given
            listener = _listener(protocol, written, options, report, insecure=insecure)
            found += [] if listener is None else [listener]
    if report.ok and all(each.protocol == "operations" for each in found):
        # Who only says where it tells how it is wants something to be.
        found = [*_default(report), *found]
    _check_twice(found, report)
    if options.workers.count > 1:
        _check_shared(found, report)
    return tuple(found)


def _at(protocol: str, *more: str) -> Path:
    return ("listen", protocol, *more)


def _default(report: Report) -> list[Listener]:
    try:
        folder = runtime_folder()
    except SocketError as error:
        report.add("no_folder", (), error.message, error.help)
        return []
    names = {"grpc": "grpc.sock", "frames": "pdp.sock"}
    return [Listener(protocol=each, address=Address(path=str(folder / name))) for each, name in names.items()]


def _listener(
    protocol: str, written: ListenerOptions, options: Options, report: Report, *, insecure: bool
) -> Listener | None:
    before = len(report.found)
    try:
        address = Address.parse(written.address)
    except ValueError as error:
        report.add("invalid_address", _at(protocol, "address"), str(error), HELP)
        return None
    secure = False
    if address.is_unix:
        _check_unix(protocol, written, report)
    else:
        _check_tcp(protocol, written, report)
        secure = options.tls is not None and not written.plaintext
        if not secure and not written.plaintext and not insecure:
            message = f"nothing encrypts what goes through `{address}`, and nothing says who is at its other end"
            help_ = "give it a section `[tls]`; or `plaintext = true` in its table, or `--insecure`, to go on without"
            report.add("plaintext", _at(protocol, "address"), message, help_)
    if len(report.found) > before:
        return None
    return Listener(
        protocol=protocol,
        address=address,
        secure=secure,
        mode=int(written.mode, 8),
        group=written.group,
        shared_folder=written.shared_folder,
    )


def _check_unix(protocol: str, written: ListenerOptions, report: Report) -> None:
    if not _MODE.fullmatch(written.mode):
        message = f"`{written.mode}` is no mode of a socket"
        report.add("invalid_mode", _at(protocol, "mode"), message, 'such as "0600", or "0660" with a `group`')
    elif int(written.mode, 8) & 0o600 != 0o600:
        report.add("invalid_mode", _at(protocol, "mode"), "its owner reads and writes a socket", 'such as "0600"')
    if written.plaintext:
        report.add("misplaced_key", _at(protocol, "plaintext"), "a Unix socket is not encrypted in any case")


def _check_tcp(protocol: str, written: ListenerOptions, report: Report) -> None:
    for name in ("mode", "group", "shared_folder"):
        if getattr(written, name) != getattr(ListenerOptions(address=""), name):
            report.add("misplaced_key", _at(protocol, name), f"`{name}` is for a Unix socket", key=True)
    if protocol == "frames":
        message = "frames are spoken at a Unix socket only, where the kernel says who asks"
        report.add("invalid_address", _at(protocol, "address"), message, "over TCP, ask by gRPC")


def _check_twice(found: list[Listener], report: Report) -> None:
    seen: dict[Address, str] = {}
    for each in found:
        if each.address in seen and (each.address.is_unix or each.address.port):
            message = f"`{seen[each.address]}` listens at `{each.address}` already"
            report.add("duplicate_address", _at(each.protocol, "address"), message)
        seen[each.address] = each.protocol


def _check_shared(found: list[Listener], report: Report) -> None:
    for each in found:
        if each.address.is_unix:
            message = f"a Unix socket has one worker, and `{each.protocol}` is spoken at one"
            help_ = "several workers share a TCP port; beside them, run another `pdp serve` for the socket"
            report.add("unix_workers", _at(each.protocol, "address"), message, help_)
        elif not each.address.port and each.protocol != "operations":
            message = "several workers share a port that is named, not one that the system chooses"
            report.add("unnamed_port", _at(each.protocol, "address"), message)
