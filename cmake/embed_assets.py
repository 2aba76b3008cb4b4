#!/usr/bin/env python3
"""Makes an assembler file and a table of files that a binary carries in itself.

embed_assets.py OUTPUT_DIR SYMBOL_PREFIX URL_PATH=FILE...

Writes PREFIX.S (.incbin of each file and of its gzip form), PREFIX.inc (one ASSET() line each) and
the gzip forms. The same input makes the same bytes: no time stamp, no name inside.
"""
import gzip
import hashlib
import pathlib
import sys


# The suffixes that the page has; another one is an error here, not a guess at run time.
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", "": "text/plain"}


def main() -> None:
    out, prefix = pathlib.Path(sys.argv[1]), sys.argv[2]
    out.mkdir(parents=True, exist_ok=True)
    assembly, table = ['.section .rodata,"a",@progbits'], []
    for index, argument in enumerate(sys.argv[3:]):
        path, name = argument.split("=", 1)
        content_type = TYPES[pathlib.Path(name).suffix] + "; charset=utf-8"
        content = pathlib.Path(name).read_bytes()
        packed = out / f"{prefix}_{index}.gz"
        packed.write_bytes(gzip.compress(content, 9, mtime=0))
        for symbol, file in ((f"{prefix}_{index}", name), (f"{prefix}_{index}_gzip", packed)):
            assembly += [".balign 16", f".global {symbol}", f".hidden {symbol}", f"{symbol}:",
                         f'.incbin "{file}"', f".global {symbol}_end", f".hidden {symbol}_end",
                         f"{symbol}_end:"]
        tag = hashlib.sha256(content).hexdigest()[:16]
        table.append(f'ASSET({prefix}_{index}, "{path}", "{content_type}", "W/\\"{tag}\\"")')
    assembly.append('.section .note.GNU-stack,"",@progbits')
    (out / f"{prefix}.S").write_text("\n".join(assembly) + "\n")
    (out / f"{prefix}.inc").write_text("\n".join(table) + "\n")


if __name__ == "__main__":
    main()
