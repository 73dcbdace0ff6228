#!/usr/bin/python3
"""Plaintext that can be recognised wherever it turns up (scan.c).

    plant.py files DIR WORDS    65,536 records of 64 bytes as contents of files
                                large and small, names, link targets and
                                attributes below DIR; WORDS has all of them
    plant.py keys VAULT PASSFILE WORDS
                                the passphrase of a vault and what is made of
                                it: its master key, and the key it is sealed
                                with (docs/FORMAT.md)
"""
import hashlib
import hmac
import os
import struct
import sys

RECORDS, RECORD = 65536, 64


def plant(top, words):
    data = os.urandom(RECORDS * RECORD // 2).hex().encode()
    with open(words, "wb") as f:
        f.write(data)
    at = 0

    def take(records):
        nonlocal at
        at += records * RECORD
        return data[at - records * RECORD:at]

    for i in range(256):
        folder = os.path.join(top.encode(), take(1))
        os.mkdir(folder)
        path = os.path.join(folder, take(2))
        with open(path, "wb") as f:
            f.write(take(1 + i % 90))
        os.setxattr(path, b"user.planted", take(4))
        os.symlink(take(16), os.path.join(folder, b"link"))
    with open(os.path.join(top, "large"), "wb") as f:
        f.write(data[at:])


def expand(master, info):
    return hmac.new(master, info + b"\x01", "sha256").digest()


def keys(vault, passfile, words):
    with open(vault, "rb") as f:
        header = f.read(128)
    with open(passfile, "rb") as f:
        passphrase = f.read().rstrip(b"\n")
    rounds = struct.unpack_from("<I", header, 16)[0]
    master = hashlib.pbkdf2_hmac("sha256", passphrase, header[32:64], rounds)
    with open(words, "wb") as f:
        f.write(passphrase[:len(passphrase) // 16 * 16] + master +
                expand(master, b"tazpod vault 2 encryption"))


if __name__ == "__main__":
    if sys.argv[1] == "files":
        plant(*sys.argv[2:])
    else:
        keys(*sys.argv[2:])
