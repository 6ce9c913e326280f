"""The file through which a test drives programs/killer.c inside the daemon."""

import mmap
import os
import struct
from pathlib import Path

from lab.daemon import build_directory

KILLER = build_directory() / "tests/crash/killer.so"
HEADER = struct.Struct("7I64s")  # struct control in programs/killer.c
RECORDS, RECORD_SIZE = 1024, 128
SIZE = HEADER.size + RECORDS * RECORD_SIZE


class Control:
    """Says which call is struck, and how; tells how many there were."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.steps_only = False  # whether packets on the wire are passed over
        path.write_bytes(bytes(SIZE))
        with open(path, "r+b") as file:
            self._map = mmap.mmap(file.fileno(), SIZE)

    @property
    def environment(self) -> list[str]:
        """Arguments for env(1)."""
        return [f"LD_PRELOAD={KILLER}", f"CRASH_CONTROL={self.path}"]

    def arm(
        self, at: int = 0, after: bool = False, error: int = 0, failures: int = 1, match: str = ""
    ) -> None:
        """Count from now on; strike the `at`-th call: kill, or fail with an errno."""
        self._map[:] = bytes(SIZE)
        header = HEADER.pack(0, 0, at, after, error, failures, self.steps_only, match.encode())
        self._map[: HEADER.size] = header
        self._map[:4] = struct.pack("I", 1)

    def disarm(self) -> None:
        self._map[:4] = struct.pack("I", 0)

    @property
    def count(self) -> int:
        """How many calls there were since arm()."""
        return struct.unpack_from("I", self._map, 4)[0]

    def calls(self) -> list[str]:
        """What they were: the call and what it worked on."""
        start = HEADER.size
        return [
            self._map[start + i * RECORD_SIZE : start + (i + 1) * RECORD_SIZE].split(b"\0")[0].decode()
            for i in range(min(self.count, RECORDS))
        ]

    def close(self) -> None:
        self._map.close()
        os.unlink(self.path)
