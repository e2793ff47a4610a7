"""ZIP files that no node may unpack, each with the reason that it must be told."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from struct import pack
from typing import NamedTuple

from tests.compute_node.scripts.zip_bytes import FOLDER, End, Part, deflated, deflated_zeros, overlapping, zip_of

MAIN = Part()
DATA = b"print(1)\n"


class Hostile(NamedTuple):
    """An archive, made when it is needed, and what the refusal must say (a regular expression)."""

    name: str
    make: Callable[[], bytes]
    reason: str


def hostile_archives() -> Iterator[Hostile]:
    yield from _names()
    yield from _clashes()
    yield from _kinds()
    yield from _packing()
    yield from _sizes()
    yield from _layouts()
    yield from _zip64()


def _with(*parts: Part) -> Callable[[], bytes]:
    return lambda: zip_of(MAIN, *parts)


def _names() -> Iterator[Hostile]:
    parts = "leads out of its folder"
    empty = "an empty part or '.'"
    hidden = r"invisible character U\+"
    for name, reason in (
        ("../x", parts),
        ("a/../../x", parts),
        ("a/..", parts),
        ("..", parts),
        ("/etc/cron.d/x", "absolute"),
        ("//host/share", "absolute"),
        ("..\\x", r"has a '\\\\'"),
        ("C:\\x", "has a ':'"),
        ("C:x", "has a ':'"),
        ("main.py\0.txt", "a NUL"),
        ("a\x01", hidden),
        ("a\nb", hidden),
        ("a\x7f", hidden),
        ("\x1b[2Jx", hidden),
        ("a\x85b", hidden),
        ("invoice\u202egpj.py", f"{hidden}202E"),
        ("a\u2066b", f"{hidden}2066"),
        ("a\u200fb", f"{hidden}200F"),
        ("a\u200bb", f"{hidden}200B"),
        ("a\u2028b", f"{hidden}2028"),
        ("\ufeffa", f"{hidden}FEFF"),
        ("cafe\u0301", "NFC"),
        ("\u212bngstrom", "NFC"),
        ("x" * 201, "more than 200 bytes"),
        ("\u20ac" * 67, "more than 200 bytes"),
        ("/".join("a" * 17), "more than 16 folders"),
        ("", empty),
        ("/", empty),
        ("./main.py", empty),
        (".", empty),
        ("a//b", empty),
        ("a/./b", empty),
    ):
        yield Hostile(f"name {name[:12]!a}", _with(Part(name=name.encode())), reason)
    yield Hostile(
        "name in UTF-8 that says nothing of it", _with(Part(name="é".encode(), flags=0)), "nor marked as UTF-8"
    )
    for raw_name in (b"\xe9", b"..\xc0\xafx", b"\xed\xa0\x80"):  # Latin-1, an overlong slash, half a surrogate pair
        yield Hostile(f"name {raw_name!r} that says UTF-8", _with(Part(name=raw_name)), "not the UTF-8 that it says")


def _clashes() -> Iterator[Hostile]:
    case = "one path where case does not count"
    both = "both a file and a folder"
    for one, other, reason in (
        ("a", "a", "is twice"),
        ("a/", "a/", "is twice"),
        ("A.py", "a.py", case),
        ("Data/x", "data/y", case),
        ("stra\u00dfe", "strasse", case),
        ("\u017f", "s", case),
        ("a", "a/b", both),
        ("a/b", "a", both),
        ("a", "a/", both),
    ):
        parts = [Part(name=name.encode(), data=b"", mode=0) for name in (one, other)]
        yield Hostile(f"clash {one!a} {other!a}", _with(*parts), reason)


def _kinds() -> Iterator[Hostile]:
    link = Part(name=b"x", data=b"/etc/passwd", mode=stat.S_IFLNK | 0o777)
    yield Hostile("symlink", _with(link), "symbolic link")
    yield Hostile("symlink made by DOS", _with(Part(name=b"x", mode=link.mode, system=0)), "symbolic link")
    yield Hostile("symlink to a folder", _with(Part(name=b"x/", mode=link.mode)), "symbolic link")
    through = Part(name=b"x/passwd")
    yield Hostile("symlink, then a path through it", _with(link, through), "symbolic link|both a file and a folder")
    neither = "neither a file nor a folder"
    for kind in ("S_IFIFO", "S_IFCHR", "S_IFBLK", "S_IFSOCK"):
        yield Hostile(kind, _with(Part(name=b"x", mode=getattr(stat, kind) | 0o666)), neither)
    yield Hostile("a type that is none", _with(Part(name=b"x", mode=0o170644)), neither)
    disagree = "by its name or by its mode"
    yield Hostile("folder with the name of a file", _with(Part(name=b"x", mode=FOLDER)), disagree)
    yield Hostile("file with the name of a folder", _with(Part(name=b"x/", data=b"")), disagree)
    yield Hostile("DOS folder with the name of a file", _with(Part(name=b"x", mode=0, dos=0x10)), disagree)
    yield Hostile("folder with data", _with(Part(name=b"x/", mode=FOLDER)), "folder with data")


def _packing() -> Iterator[Hostile]:
    for method in (1, 9, 12, 14, 93, 95, 98, 99):
        yield Hostile(f"method {method}", _with(Part(name=b"x", method=method, packed=b"x")), f"method {method};")
    for flags in (0x0001, 0x0041, 0x2000):
        yield Hostile(f"flags {flags:#x}", _with(Part(name=b"x", flags=flags)), "encrypted")
    yield Hostile("encrypted by the header only", _with(Part(name=b"x", local_flags=1)), "encrypted")
    yield Hostile("patch", _with(Part(name=b"x", flags=0x20)), "unusual way")
    yield Hostile("wrong CRC", _with(Part(name=b"x", crc=1)), "CRC-32")
    yield Hostile("no deflate", _with(Part(name=b"x", method=8, packed=b"\xff" * 9)), "cannot be unpacked")
    packed = deflated(DATA)
    yield Hostile("deflate cut off", _with(Part(name=b"x", method=8, packed=packed[:-3])), "cut off")
    yield Hostile("deflate with more behind", _with(Part(name=b"x", method=8, packed=packed + b"x")), "behind its end")
    yield Hostile("deflate of nothing", _with(Part(name=b"x", method=8, packed=b"")), "cut off")
    hidden = Part(name=b"x/", mode=FOLDER, data=b"", method=8, packed=deflated(DATA))
    yield Hostile("folder with packed data", _with(hidden), "more than the 0 bytes")


def _sizes() -> Iterator[Hostile]:
    """Bombs, and sizes that are not true."""
    ratio = "100 times"

    def zeros(mebibytes: int, **said: int) -> Callable[[], bytes]:
        size = said.get("size", mebibytes << 20)
        return lambda: zip_of(
            MAIN, Part(name=b"z", data=b"", method=8, packed=deflated_zeros(mebibytes), size=size, crc=0)
        )

    yield Hostile("bomb: 1 GiB of zeros", zeros(1024), "1,073,741,824 bytes, of at most 100,000,000")
    yield Hostile("bomb: 1 GiB that says 1 KB", zeros(1024, size=1000), "more than the 1,000 bytes that it says")
    yield Hostile("bomb: 1 GiB that says 100 MB", zeros(1024, size=100_000_000), "more than the 100,000,000 bytes")
    yield Hostile("bomb: 90 MiB of zeros", zeros(90), ratio)
    yield Hostile("bomb: 2 MiB of zeros", zeros(2), ratio)
    large = [Part(name=b"%d" % index, data=b"", size=70_000_000, packed_size=70_000_000) for index in range(3)]
    yield Hostile("sum of the sizes", _with(*large), "210,000,009 bytes, of at most 200,000,000")
    yield Hostile("bomb: overlap, 43 KB", lambda: overlapping(250, deflated_zeros(21), 21 << 20), ratio)
    yield Hostile("overlap", lambda: overlapping(9, deflated(bytes(999)), 999), "shares its data")
    yield Hostile("one file listed twice", _with(Part(name=b"x", header=0, local_name=b"main.py")), "listed as|shares")
    yield Hostile("less than it says", _with(Part(name=b"x", method=8, data=DATA, size=99)), "9 bytes, not 99")
    yield Hostile("more than it says", _with(Part(name=b"x", method=8, data=DATA, size=5)), "more than the 5 bytes")
    yield Hostile("stored with two sizes", _with(Part(name=b"x", size=5)), "two sizes")
    yield Hostile("nested data of 4 GB", _with(Part(name=b"x", packed_size=4 << 30 >> 1, size=4 << 30 >> 1)), "at most")
    yield Hostile("too long", lambda: bytes(211_000_000), "211,000,000 bytes, of at most 210,000,000")
    yield Hostile("flood: 200,000 entries", lambda: _flood(200_000), "zip64|list of entries has|3,392 entries")
    yield Hostile("flood: 60,000 entries", lambda: _flood(60_000), "60,000 entries, of at most 5,000")
    yield Hostile("flood: 200,000 entries that say 100", lambda: _flood(200_000, 100), "list of entries has")
    yield Hostile("flood: 15,000 entries that say 5,000", lambda: _flood(15_000, 5_000), "lists other entries")
    yield Hostile("flood: 5,001 entries", lambda: _flood(5_001), "5,001 entries, of at most 5,000")
    yield Hostile("flood: folders in paths", _deep, "makes more than 5,000 files and folders")


def _flood(count: int, said: int | None = None) -> bytes:
    """Empty files, as many as asked for; 16 bits hold the lower part of the number."""
    part = Part(name=b"000000", data=b"")
    local, central = bytearray(), bytearray()
    for index in range(count):
        name = b"%06d" % index
        central += part.central(len(local)).replace(b"000000", name)
        local += part.local.replace(b"000000", name)
    end = End().bytes((count if said is None else said) & 0xFFFF, len(central), len(local), b"")
    return bytes(local + central) + end


def _deep() -> bytes:
    """Files of which each makes 15 folders of its own."""
    return zip_of(*(Part(name=b"%d" % index + b"/a" * 15, data=b"") for index in range(1000)))


def _layouts() -> Iterator[Hostile]:
    """What is read in several ways: by the list or by the headers, from the front or from the back."""
    nobody = "belong to no entry"
    listed = "listed as something else"
    ends = "no end, or several"
    plain = zip_of(MAIN)
    other = zip_of(Part(name=b"x"))
    yield Hostile("nothing", lambda: b"", "no ZIP")
    yield Hostile("no ZIP", lambda: b"#!/bin/sh\nrm -rf /\n", "no ZIP")
    yield Hostile("cut off at the end", lambda: plain[:-1], "no end, or several|no ZIP")
    yield Hostile("cut off at the front", lambda: plain[9:], nobody)
    yield Hostile("bytes behind the end", lambda: plain + b"x", ends)
    yield Hostile("two ends", lambda: zip_of(MAIN, comment=other), ends)
    twice = End().bytes(1, 55, 48, b"")
    yield Hostile("two ends, one in the comment", lambda: plain[:-2] + pack("<H", len(twice)) + twice, ends)
    yield Hostile("an end in the comment that is cut off", lambda: zip_of(MAIN, comment=b"PK\5\6"), ends)
    yield Hostile("an end in the comment that is no end", lambda: zip_of(MAIN, comment=b"PK\5\6" + bytes(40)), ends)
    yield Hostile("a comment longer than it says", lambda: zip_of(MAIN, comment=b"abc", end=End(comment_bytes=1)), ends)
    yield Hostile("two ZIPs, one behind the other", lambda: plain + other, nobody)
    yield Hostile("a program before", lambda: zip_of(MAIN, before=b"#!/bin/sh\n"), "before its first entry")
    yield Hostile("a program before, and offsets that ignore it", lambda: b"#!/bin/sh\n" + plain, nobody)
    yield Hostile("an entry that is not listed", lambda: zip_of(MAIN, between=Part(name=b"x").local), nobody)
    yield Hostile("bytes between two entries", _with(Part(name=b"x", after=b"hidden"), Part(name=b"y")), nobody)
    yield Hostile("sizes behind the data that lie", _with(Part(name=b"x", flags=0x808, after=bytes(12))), nobody)
    yield Hostile("another name before the data", _with(Part(name=b"x", local_name=b"../x")), listed)
    yield Hostile("another method before the data", _with(Part(name=b"x", local_method=8)), listed)
    yield Hostile("other sizes before the data", _with(Part(name=b"x", local_sizes=(0, 1, 1))), listed)
    yield Hostile("no sizes before the data", _with(Part(name=b"x", local_sizes=(0, 0, 0))), listed)
    yield Hostile("no header", _with(Part(name=b"x", local_signature=b"PK\0\0")), listed)
    yield Hostile("no record", _with(Part(name=b"x", signature=b"PK\0\0")), "list of entries is damaged")
    yield Hostile("a header beyond the end", _with(Part(name=b"x", header=1 << 30)), "cut off|shares|belong")
    yield Hostile("a list longer than the file", lambda: zip_of(MAIN, end=End(size=1000)), nobody)
    yield Hostile("a list of 4 GB", lambda: zip_of(MAIN, end=End(size=(4 << 30) - 2)), "list of entries has")
    yield Hostile("more entries than it says", lambda: zip_of(MAIN, Part(name=b"x"), end=End(n_entries=1)), "other")
    yield Hostile("fewer entries than it says", lambda: zip_of(MAIN, end=End(n_entries=2)), "cut off")
    yield Hostile("two disks", lambda: zip_of(MAIN, end=End(disk=1)), "one part of several")
    yield Hostile("entries on two disks", lambda: zip_of(MAIN, end=End(here=0)), "one part of several")
    yield Hostile("an entry on another disk", _with(Part(name=b"x", disk=2)), "another part")
    second = b"up" + b"\x01" + bytes(4) + b"../x"
    unicode_path = b"\x75\x70" + pack("<H", len(second) - 2) + second[2:]
    yield Hostile("a second name", _with(Part(name=b"x", extra=unicode_path)), "second name")
    yield Hostile("a second name before the data", _with(Part(name=b"x", local_extra=unicode_path)), "second name")


def _zip64() -> Iterator[Hostile]:
    extra = pack("<HHQQ", 1, 16, 1 << 40, 9)
    locator = b"PK\6\7" + pack("<IQI", 0, 0, 1)
    record = b"PK\6\6" + pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, 1 << 40, 1 << 40, 1 << 40, 0)
    most = 0xFFFFFFFF
    for name, make in {
        "in an extra field": _with(Part(name=b"x", extra=extra)),
        "in an extra field before the data": _with(Part(name=b"x", local_extra=extra)),
        "by a size": _with(Part(name=b"x", method=8, packed=b"", packed_size=most, size=9)),
        "by a size before the data": _with(Part(name=b"x", local_sizes=(0, most, most))),
        "by an offset": _with(Part(name=b"x", header=most)),
        "by a disk": _with(Part(name=b"x", disk=0xFFFF)),
        "by the number of entries": lambda: zip_of(MAIN, end=End(n_entries=0xFFFF)),
        "by the place of the list": lambda: zip_of(MAIN, end=End(start=most)),
        "by its records": lambda: zip_of(MAIN)[:-22] + record + locator + zip_of(MAIN)[-22:],
        "by a comment that looks so": _with(Part(name=b"x", comment=locator)),
    }.items():
        yield Hostile(f"zip64 {name}", make, "zip64")
