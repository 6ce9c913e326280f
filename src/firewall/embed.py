"""Makes a C array of a text: embed.py INPUT OUTPUT NAME."""

import sys

source, target, name = sys.argv[1:]
with open(source, "rb") as file:
    data = file.read()
with open(target, "w", encoding="ascii") as file:
    file.write(f"extern const char {name}[];\nextern const unsigned long {name}_size;\n")
    file.write(f"const unsigned long {name}_size = {len(data)};\n")
    file.write(f"const char {name}[] = {{" + ",".join(str(byte) for byte in data) + ",0};\n")
