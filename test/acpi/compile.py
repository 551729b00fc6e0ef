#!/usr/bin/python3
"""compile.py SOURCE OUTPUT: a table in the language of madt.inc into bytes, by cpp and iasl. What iasl
puts right by itself is then damaged as lines of the source say:

    // patch: OFFSET BYTE...    these bytes (hexadecimal) from byte OFFSET (decimal) on; the checksum follows
    // checksum: wrong"""

import re
import subprocess
import sys
from pathlib import Path


def compiled(source: Path, output: Path) -> bytearray:
    cpp = ["cpp", "-P", "-undef", "-nostdinc", "-x", "c", str(source)]
    text = subprocess.run(cpp, capture_output=True, text=True, check=True).stdout
    listing = output.with_suffix(".txt")
    listing.write_text("\n".join(field.strip() for field in re.split("[;\n]", text)) + "\n")
    iasl = ["iasl", "-vs", "-p", str(output.with_suffix("")), str(listing)]
    done = subprocess.run(iasl, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return bytearray(output.read_bytes())


def main(source: Path, output: Path) -> None:
    table = compiled(source, output)
    text = source.read_text()
    for offset, values in re.findall(r"^// patch: (\d+)((?: [0-9A-F]{2})+)$", text, re.MULTILINE):
        data = bytes.fromhex(values)
        table[int(offset) : int(offset) + len(data)] = data
    table[9] = (table[9] - sum(table)) % 256
    if re.search(r"^// checksum: wrong$", text, re.MULTILINE):
        table[9] ^= 0xFF
    output.write_bytes(table)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
