#!/usr/bin/python3
"""Make vaults that tazpod itself would not make.

    forge.py seal FORMAT PASSFILE [ROUNDS [COMPRESSION]] < PLAINTEXT > VAULT
    forge.py open VAULT PASSFILE > PLAINTEXT
    forge.py bomb SIZE > GZIP         a gzip of SIZE zero bytes
    forge.py zbomb SIZE > ZSTD        the same as zstd
    forge.py tar KIND > TAR.GZ        a hostile archive
    forge.py many KIND COUNT > TAR.GZ an archive of very many of something
    forge.py declared SIZE > TAR.GZ   a member that claims to have SIZE bytes
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


def seal(fmt, password, rounds, plain, compression=1):
    salt, nonce = os.urandom(32), os.urandom(12)
    key = hashlib.pbkdf2_hmac("sha256", password, salt, rounds)
    if fmt == 1:
        return salt + nonce + AESGCM(key).encrypt(nonce, plain, None)
    header = b"TAZPOD2\n" + struct.pack(
        "<IHHIIII32s12sIQQ16s16s", 128, 1, 1, rounds, 0, 0, compression, salt, nonce,
        0, 1, 1700000000 * 10**9, os.urandom(16),
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


def zstd_bomb(size):
    """RLE blocks (RFC 8878, 3.1.1.2): four bytes for 128 KiB."""
    block = ((128 << 10) << 3 | 1 << 1).to_bytes(3, "little") + b"x"
    last = (1 << 1 | 1).to_bytes(3, "little") + b"x"
    return b"\x28\xb5\x2f\xfd\0\x58" + block * (size >> 17) + last


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
    "later": [entry("later", b"", type=tarfile.LNKTYPE, linkname="x"),
              entry("x")],
    "deep": [entry("/".join("d" * 1100))],
    "target": [entry("target", b"", type=tarfile.SYMTYPE,
                     linkname="t" * 4096)],
    "stands": [entry("stands/x"), entry("stands")],
    "dangling": [entry("dangling", b"", type=tarfile.LNKTYPE,
                       linkname="nowhere")],
}


def tar(kind):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as t:
        for info, data in HOSTILE[kind]:
            t.addfile(info, io.BytesIO(data) if info.size else None)
    return gzip.compress(out.getvalue())


def block(name, kind=tarfile.REGTYPE, link="", size=0):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, size
    return info.tobuf(tarfile.PAX_FORMAT)


def pax(records):
    info = tarfile.TarInfo("x")
    info.pax_headers = records
    return info.tobuf(tarfile.PAX_FORMAT)[:-512]


def sparse_map(count):
    """A file of format 1.0 whose map has so many pieces, all of them empty."""
    head = b"%d\n" % count
    size = -(-(len(head) + 4 * count) // 512) * 512
    return pax({"GNU.sparse.major": "1", "GNU.sparse.minor": "0",
                "GNU.sparse.realsize": "1000", "size": str(size)}) + block(
                    "pieces") + head, b"0\n0\n", bytes(size - len(head) -
                                                      4 * count)


# What comes first, what comes so many times, and what comes last.
MANY = {
    "links": (block("f"), block("l", tarfile.LNKTYPE, "f"), b""),
    "names": (b"", block("again", size=512) + b"y" * 512, b""),
    "folders": (b"", block("d/", tarfile.DIRTYPE), b""),
    "devices": (b"", block("c", tarfile.CHRTYPE), b""),
    "headers": (b"", pax({"comment": "c"}), block("f")),
    "global": (b"", pax({"comment": "c"}).replace(b"0 x\0", b"0 g\0"), b""),
    "blocks": (block("f"), bytes(512), b""),
}


def many(kind, count):
    first, each, last = sparse_map(count) if kind == "map" else MANY[kind]
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    out = [packer.compress(first)]
    step = 1000
    for _ in range(count // step):
        out.append(packer.compress(each * step))
    out.append(packer.compress(last + bytes(1024)) + packer.flush())
    return b"".join(out)


def declared(size):
    """A member that says it has so many bytes."""
    return gzip.compress(pax({"size": str(size)}) + block("huge") + b"x" * 512)


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
                   sys.stdin.buffer.read(),
                   int(args[3]) if len(args) > 3 else 1)
    elif what == "open":
        with open(args[0], "rb") as f:
            out = unseal(f.read(), passphrase(args[1]))
    elif what == "bomb":
        out = bomb(int(args[0]))
    elif what == "zbomb":
        out = zstd_bomb(int(args[0]))
    elif what == "many":
        out = many(args[0], int(args[1]))
    elif what == "declared":
        out = declared(int(args[0]))
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
