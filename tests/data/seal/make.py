#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Seal tests/data/seal and the seeds of tests/fuzz/corpus/seal.

A second writer of docs/FORMAT.md, so that the C code is not only checked
against itself.  It needs the package "cryptography".  Salt and nonces are
fixed: these vaults guard nothing, and tests/fuzz/seal.c knows their key.
"""
import gzip
import hashlib
import hmac
import pathlib
import struct

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

ROOT = pathlib.Path(__file__).resolve().parents[3]
ROUNDS = 100000
SALT = bytes(range(0x20, 0x40))
NONCE = bytes(range(0x40, 0x4C))
MASTER = hashlib.pbkdf2_hmac("sha256", b"fuzz", SALT, ROUNDS)


def expand(info, length):
    return hmac.new(MASTER, info + b"\1", "sha256").digest()[:length]


def format_1(plain):
    return SALT + NONCE + AESGCM(MASTER).encrypt(NONCE, plain, None)


def header(kdf=1, cipher=1, cost=(ROUNDS, 0, 0), compression=1, length=128,
           reserved=0):
    return (b"TAZPOD2\n"
            + struct.pack("<IHHIIII", length, kdf, cipher, *cost, compression)
            + SALT + NONCE + struct.pack("<IQQ", reserved, 7, 1700000000 * 10**9)
            + bytes(range(0x50, 0x60))
            + expand(b"tazpod vault 2 key check", 16))


def format_2(plain, **fields):
    head = header(**fields)
    key = AESGCM(expand(b"tazpod vault 2 encryption", 32))
    return head + key.encrypt(NONCE, plain, head)


PLAIN = gzip.compress(bytes(10240), mtime=0)
ONE, TWO = format_1(PLAIN), format_2(PLAIN)

FILES = {
    "tests/data/seal": {"format-1": ONE, "format-2": TWO},
    "tests/fuzz/corpus/seal": {
        "nothing": b"",
        "one-byte": b"T",
        "magic-only": b"TAZPOD2\n",
        "format-1": ONE,
        "format-1-empty": format_1(b""),
        "format-1-too-short": ONE[:59],
        "format-1-truncated": ONE[:-1],
        "format-1-two-windows": format_1(bytes(range(256)) * 257),
        "format-2": TWO,
        "format-2-empty": format_2(b""),
        "format-2-plain": format_2(b"plain", compression=0),
        "format-2-header-only": TWO[:128],
        "format-2-half-a-header": TWO[:60],
        "format-2-no-tag": format_2(b"")[:-1],
        "format-2-altered": TWO[:-1] + bytes([TWO[-1] ^ 1]),
        "format-2-two-windows": format_2(bytes(range(256)) * 257),
        "format-2-length": format_2(PLAIN, length=0xFFFFFFFF),
        "format-2-reserved": format_2(PLAIN, reserved=1),
        "format-2-new-kdf": format_2(PLAIN, kdf=3),
        "format-2-new-cipher": format_2(PLAIN, cipher=2),
        "format-2-new-compression": format_2(PLAIN, compression=3),
        "format-2-absurd-rounds": format_2(PLAIN, cost=(0xFFFFFFFF, 0, 0)),
        "format-2-no-rounds": format_2(PLAIN, cost=(0, 0, 0)),
        "format-2-argon2id": format_2(PLAIN, kdf=2, cost=(3, 65536, 4)),
        "format-2-absurd-argon2id": format_2(
            PLAIN, kdf=2, cost=(64, 0xFFFFFFFF, 16)),
    },
}

for folder, files in FILES.items():
    for name, data in files.items():
        path = ROOT / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
