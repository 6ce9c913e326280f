"""Checks the shape of the house: rooms include only what src/meson.build gives them, every room's
public header opens with what the room is for, and no file is too long to have one subject."""
import re
import subprocess
import sys
from pathlib import Path

LONGEST = 700  # lines


def rooms() -> dict[str, set[str]]:
    """Each room with the rooms that it may use, from src/meson.build."""
    text = Path("src/meson.build").read_text()
    found = re.findall(r"^  \['(\w+)', \[([^\]]*)\]", text, re.MULTILINE)
    return {name: set(re.findall(r"'(\w+)'", used)) for name, used in found}


def tracked(*patterns: str) -> list[Path]:
    names = subprocess.run(["git", "ls-files", *patterns], capture_output=True, text=True, check=True)
    return [Path(name) for name in names.stdout.split()]


def main() -> int:
    complaints = []
    allowed = rooms()
    for path in tracked("src/*.c", "src/*.h"):
        lines = path.read_text().splitlines()
        room = path.parts[1]
        if len(lines) > LONGEST:
            complaints.append(f"{path}: {len(lines)} lines")
        for number, line in enumerate(lines, 1):
            match = re.match(r'#include "(\w+)/', line)
            if match and room in allowed and match[1] not in allowed[room]:
                complaints.append(f"{path}:{number}: {room} may not use {match[1]}")
    for room in allowed:
        header = Path("src") / room / f"{room}.h"
        if not header.exists() or not header.read_text().startswith(f"/*\n * {room}: "):
            complaints.append(f"{header}: does not open with what the room is for")
    print("\n".join(complaints) or "rooms: as they should be")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
