"""The image that is flashed, byte for byte."""

import hashlib
import struct

import pytest
from dreamlamp import image
from dreamlamp.errors import DreamlampError
from littlefs import LittleFS

FILES = {"/main.py": b"import choose\n", "/a/lamp/x.mpy": bytes(range(256)) * 40}


def published(chip=0, version=b"v1.28.0 on 2026-04-06", app=b"\xe9" + b"application" * 1000):
    """An image of the form MicroPython publishes: boot loader, its own table, application."""
    head = b"\xe9\x03\x02\x20" + bytes(8) + struct.pack("<H", chip) + b"boot loader" * 99
    own = image.table((image.Partition("vfs", 1, 0x81, 0x200000, 0x200000),))
    start = head.ljust(image.TABLE - image.BOOTLOADER, b"\xff") + own
    return start.ljust(image.APP - image.BOOTLOADER, b"\xff") + app + version


def test_the_table_is_rows_of_32_bytes_and_their_md5():
    table = image.table()
    assert len(table) == 0xC00
    rows = [struct.unpack_from("<HBBII16sI", table, 32 * i) for i in range(5)]
    assert [(row[5].rstrip(b"\0"), hex(row[3]), hex(row[4])) for row in rows] == [
        (b"nvs", "0x9000", "0x6000"),
        (b"phy_init", "0xf000", "0x1000"),
        (b"factory", "0x10000", "0x1f0000"),
        (b"vfs", "0x200000", "0x80000"),
        (b"nights", "0x280000", "0x180000"),
    ]
    assert {row[0] for row in rows} == {0x50AA}
    assert rows[4][1:3] == (1, 0x40)
    assert table[160:176] == b"\xeb\xeb" + b"\xff" * 14
    assert table[176:192] == hashlib.md5(table[:160]).digest()
    assert set(table[192:]) == {0xFF}


def test_no_partition_overlaps_another_and_the_last_ends_with_the_flash():
    ends = [0x9000]
    for partition in image.LAYOUT:
        assert partition.offset == ends[-1], partition.name
        ends.append(partition.offset + partition.size)
    assert ends[-1] == image.FLASH_BYTES


def test_the_file_system_is_mounted_and_read_back():
    raw = image.file_system(FILES)
    assert len(raw) == 0x80000
    again = LittleFS(block_size=4096, block_count=128, mount=False)
    again.context.buffer[:] = raw
    again.mount()
    found = {
        f"{folder.rstrip('/')}/{name}": again.open(f"{folder.rstrip('/')}/{name}", "rb").read()
        for folder, _, names in again.walk("/")
        for name in names
    }
    assert found == FILES


def test_every_part_lies_where_the_boot_loader_looks_and_leaves_settings_and_nights_alone():
    whole = published()
    parts = image.parts(whole, FILES)
    assert sorted(parts) == [0x1000, 0x8000, 0x10000, 0x200000]
    assert whole.startswith(parts[0x1000]) and parts[0x1000].endswith(b"boot loader")
    assert parts[0x10000] == whole[0xF000:]
    assert parts[0x8000] == image.table()
    assert parts[0x200000] == image.file_system(FILES)
    written = [(at, at + len(data)) for at, data in parts.items()]
    for name in ("nvs", "nights"):
        kept = image.PLACE[name]
        assert all(end <= kept.offset or at >= kept.offset + kept.size for at, end in written)


@pytest.mark.parametrize(
    "wrong, why",
    [
        (b"\x7fELF" + bytes(100000), "no MicroPython image"),
        (published(chip=9), "another chip"),
        (published(app=b"\0" * 5000), "no application"),
        (published(app=b"\xe9" + b"x" * 0x1F0000), "too large"),
        (published(version=b"v1.19.1 on 2022-06-18"), "1.19"),
    ],
)
def test_an_image_that_does_not_fit_is_refused_with_the_reason(wrong, why):
    with pytest.raises(DreamlampError, match=why):
        image.micropython(wrong)
