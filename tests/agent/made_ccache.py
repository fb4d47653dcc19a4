#!/usr/bin/python3
"""The bytes of a FILE ccache, without a KDC.   made_ccache.py NAME SECONDS [KEY] >FILE

NAME@LAB.TEST with a TGT that ends so many seconds from now; KEY is its session key (32 bytes).
"""
import struct
import sys
import time


def ccache(name, seconds, key=bytes(32)):
    """@param name, key  bytes. @return version 4 of the format"""
    def data(text):
        return struct.pack(">I", len(text)) + text

    def principal(*parts):
        return struct.pack(">II", 1, len(parts)) + data(b"LAB.TEST") + b"".join(data(part) for part in parts)

    now = int(time.time())
    times = struct.pack(">IIII", now - 100, now - 100, now + seconds, 0)
    ticket = principal(name) + principal(b"krbtgt", b"LAB.TEST") + struct.pack(">H", 18) + data(key) + times + \
        struct.pack(">BIII", 0, 0, 0, 0) + data(b"no ticket") + data(b"")
    return b"\x05\x04\x00\x00" + principal(name) + ticket


if __name__ == "__main__":
    sys.stdout.buffer.write(ccache(sys.argv[1].encode(), int(sys.argv[2]), *[text.encode() for text in sys.argv[3:]]))
