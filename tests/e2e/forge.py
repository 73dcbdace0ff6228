#!/usr/bin/python3
"""Make vaults that tazpod itself would not make.

    forge.py seal FORMAT PASSFILE [ROUNDS] < PLAINTEXT > VAULT
    forge.py open VAULT PASSFILE > PLAINTEXT
    forge.py bomb SIZE > GZIP         a gzip of SIZE zero bytes
    forge.py tar KIND > TAR.GZ        a hostile archive
    forge.py flip FILE OFFSET > FILE  one bit changed
    forge.py put FILE OFFSET HEX > FILE
    forge.py journal OLD NEW STEP > FILE
                                      OLD while it is replaced by NEW in place,
                                      after step 1 to 4 of docs/FORMAT.md
"""
import functools
import gzip
import hashlib
import hmac
import io
import os
import struct
import sys
import tarfile
import zlib

from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def passphrase(path):
    with open(path, "rb") as f:
        data = f.read()
    return data[:-1] if data.endswith(b"\n") else data


def expand(master, info, length):
    """HKDF-Expand of one block."""
    return hmac.new(master, info + b"\x01", "sha256").digest()[:length]


def seal(fmt, password, rounds, plain):
    salt, nonce = os.urandom(32), os.urandom(12)
    key = hashlib.pbkdf2_hmac("sha256", password, salt, rounds)
    if fmt == 1:
        return salt + nonce + AESGCM(key).encrypt(nonce, plain, None)
    header = b"TAZPOD2\n" + struct.pack(
        "<IHHIIII32s12sIQQ16s16s", 128, 1, 1, rounds, 0, 0, 1, salt, nonce, 0,
        1, 1700000000 * 10**9, os.urandom(16),
        expand(key, b"tazpod vault 2 key check", 16))
    key = expand(key, b"tazpod vault 2 encryption", 32)
    return header + AESGCM(key).encrypt(nonce, plain, header)


# Seals in a row may be under one salt.
@functools.lru_cache(maxsize=16)
def derive(password, salt, rounds):
    return hashlib.pbkdf2_hmac("sha256", password, salt, rounds)


def unseal(vault, password):
    rounds, start, aad = 100000, 0, None
    if vault.startswith(b"TAZPOD2\n"):
        rounds, start, aad = struct.unpack_from("<I", vault, 16)[0], 32, 128
    salt, nonce = vault[start:start + 32], vault[start + 32:start + 44]
    key = derive(password, bytes(salt), rounds)
    if aad is None:
        return AESGCM(key).decrypt(nonce, vault[44:], None)
    key = expand(key, b"tazpod vault 2 encryption", 32)
    return AESGCM(key).decrypt(nonce, vault[aad:], vault[:aad])


def bomb(size):
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    piece = bytes(1 << 20)
    out = [packer.compress(piece) for _ in range(size >> 20)]
    return b"".join(out) + packer.flush()


def entry(name, data=b"x", **fields):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in fields.items():
        setattr(info, key, value)
    return info, data


HOSTILE = {
    "plain": [entry("inside", b"hello\n")],
    "parent": [entry("ok"), entry("../parent")],
    "middle": [entry("ok"), entry("a/../../middle")],
    "absolute": [entry("ok"), entry("/absolute")],
    "empty": [entry("a//empty")],
    "long": [entry("n" * 256)],
    "inlink": [entry("d", b"", type=tarfile.SYMTYPE, linkname=".."),
               entry("d/inlink")],
    "infile": [entry("f"), entry("f/infile")],
    "hardlink": [entry("hardlink", b"", type=tarfile.LNKTYPE,
                       linkname="../../etc/passwd")],
    "dangling": [entry("dangling", b"", type=tarfile.LNKTYPE,
                       linkname="nowhere")],
}


def tar(kind):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as t:
        for info, data in HOSTILE[kind]:
            t.addfile(info, io.BytesIO(data) if info.size else None)
    return gzip.compress(out.getvalue())


def put(path, offset, new):
    with open(path, "rb") as f:
        data = bytearray(f.read())
    data[offset:offset + len(new)] = new
    return bytes(data)


def journal(old, new, step):
    def blocks(n):
        return -(-n // 4096) * 4096

    image_at = blocks(max(len(old), len(new)))
    record_at = image_at + blocks(len(new))
    record = b"TAZPOD2 journal\n" + struct.pack(
        "<IIQQQ", 1, 0, len(old), image_at, len(new))
    record += hashlib.sha256(new).digest()
    record += hashlib.sha256(record).digest()
    data = bytearray(record_at + 4096 + len(old) % 4096)
    # Step 4 stops half way.
    for first, at, part in ((1, 0, old), (2, record_at, record),
                            (3, image_at, new), (4, 0, new[:len(new) // 2])):
        if step >= first:
            data[at:at + len(part)] = part
    return bytes(data)


def main(what, *args):
    if what == "seal":
        rounds = int(args[2]) if len(args) > 2 else 100000
        out = seal(int(args[0]), passphrase(args[1]), rounds,
                   sys.stdin.buffer.read())
    elif what == "open":
        with open(args[0], "rb") as f:
            out = unseal(f.read(), passphrase(args[1]))
    elif what == "bomb":
        out = bomb(int(args[0]))
    elif what == "tar":
        out = tar(args[0])
    elif what == "flip":
        with open(args[0], "rb") as f:
            byte = f.read()[int(args[1])]
        out = put(args[0], int(args[1]), bytes([byte ^ 1]))
    elif what == "put":
        out = put(args[0], int(args[1]), bytes.fromhex(args[2]))
    elif what == "journal":
        with open(args[0], "rb") as old, open(args[1], "rb") as new:
            out = journal(old.read(), new.read(), int(args[2]))
    else:
        sys.exit(__doc__)
    sys.stdout.buffer.write(out)


if __name__ == "__main__":
    main(*sys.argv[1:])
