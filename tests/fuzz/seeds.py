#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Make the seeds of tests/fuzz/corpus that others' programs or hands write.

    tests/fuzz/seeds.py    as root, so that tar may set attributes of all kinds

Of archives: GNU tar in all its formats, Python's tarfile, the original Go
program (tests/data/go), and headers put together here.  Of the parsers of text:
lines as they are, and their borders.  The seeds of seal come from
tests/data/seal/make.py.
"""
import gzip
import io
import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile

TOP = pathlib.Path(__file__).resolve().parents[2]
CORPUS = TOP / "tests/fuzz/corpus"
sys.path.insert(0, str(TOP / "tests/e2e"))
import forge  # noqa: E402


def put(target, name, data):
    folder = CORPUS / target
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(data if isinstance(data, bytes) else
                                data.encode())


def trim(data):
    """All but the zeros at the end, of which two blocks stay."""
    size = len(data.rstrip(b"\0"))
    return data[:-(-size // 512) * 512] + bytes(1024)


def fill(d):
    """A small tree with something of everything that tar knows."""
    (d / "d").mkdir()
    (d / "d/f").write_bytes(b"hello\n")
    os.link(d / "d/f", d / "hard")
    os.symlink("d/f", d / "soft")
    os.mkfifo(d / "pipe")
    os.mknod(d / "null", 0o20666, os.makedev(1, 3))
    long = d / ("l" * 120) / ("m" * 120)
    long.mkdir(parents=True)
    (long / ("n" * 60)).write_bytes(b"x")
    os.symlink("t" * 200, d / "far")
    (d / os.fsdecode(b"bytes-\xff\xfe")).write_bytes(b"y")
    (d / "caf\u00e9").write_bytes(b"z")
    with open(d / "holes", "wb") as f:
        for at in range(0, 24):
            f.seek(at * 65536)
            f.write(b"p")
        f.truncate(24 * 65536 + 5)
    os.utime(d / "soft", ns=(-1500000000, -1500000000), follow_symlinks=False)
    os.chown(d / "d/f", 3000000, 70000)
    os.setxattr(d / "d/f", "user.a=b%", b"\0value")
    os.setxattr(d / "d", "user.empty", b"")
    subprocess.run(["setfacl", "-m", "u:1000:r,g:7:rw,d:u:5:rwx,d:m::r", d / "d"],
                   check=True)
    subprocess.run(["setfacl", "-m", "u:1000:r", d / "d/f"], check=True)


GNU = {
    "gnu-v7": ["--format=v7"],
    "gnu-oldgnu": ["--format=oldgnu", "-S"],
    "gnu-gnu": ["--format=gnu", "-S"],
    "gnu-ustar": ["--format=ustar"],
    "gnu-label": ["--format=gnu", "-V", "label"],
    "gnu-incremental": ["--format=gnu", "-g", "/dev/null"],
    "gnu-pax": ["--format=pax", "--xattrs", "--acls", "-S"],
    "gnu-pax-sparse-0.0": ["--format=pax", "-S", "--sparse-version=0.0"],
    "gnu-pax-sparse-0.1": ["--format=pax", "-S", "--sparse-version=0.1"],
}


def gnu_tars():
    with tempfile.TemporaryDirectory(dir=TOP / "build") as d:
        fill(pathlib.Path(d))
        for name, flags in GNU.items():
            # Others would write out what is a hole.
            less = [] if "-S" in flags else ["--exclude=holes"]
            out = subprocess.run(
                ["tar", "-C", d, *flags, *less, "--sort=name", "-cf", "-", "."],
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
            put("tar", name, trim(out))


def header(name, kind=b"0", size=0, magic=b"ustar\00000", **fields):
    """A ustar header; fields are offsets named at_NNN."""
    h = bytearray(512)
    h[:len(name)] = name
    h[100:107], h[108:115], h[116:123] = b"0000644", b"0001750", b"0001750"
    h[124:135] = b"%011o" % size
    h[136:147] = b"%011o" % 1700000000
    h[156:157] = kind
    h[257:257 + len(magic)] = magic
    for at, value in fields.items():
        at = int(at[3:])
        h[at:at + len(value)] = value
    h[148:156] = b"        "
    h[148:155] = b"%06o\0" % sum(h)
    return bytes(h)


def blocks(data):
    return data + bytes(-len(data) % 512)


def member(name, data=b"", **more):
    return header(name, size=len(data), **more) + blocks(data)


def record(key, value):
    size = len(key) + len(value) + 3
    while size != len(b"%d" % size) + len(key) + len(value) + 3:
        size = len(b"%d" % size) + len(key) + len(value) + 3
    return b"%d %s=%s\n" % (size, key, value)


def pax(*records, kind=b"x"):
    return member(b"PaxHeader/x", b"".join(record(k, v) for k, v in records),
                  kind=kind)


def hand_made():
    end = bytes(1024)
    attributes = [(b"SCHILY.xattr.user.%d" % i, b"v" * i) for i in range(9)]
    huge = (b"size", b"4611686018427387904")
    return {
        "global": pax((b"uid", b"7"), (b"comment", b"c"), kind=b"g") +
        member(b"f", b"x") + end,
        "attributes": pax(*attributes) + member(b"f", b"x") + end,
        "libarchive-xattr": pax((b"LIBARCHIVE.xattr.user.%41", b"dmFsdWU=")) +
        member(b"f") + end,
        "acl": pax((b"SCHILY.acl.access",
                    b"user::rw-,user:u:r--:5,group::r--,mask::r--,other::---"),
                   (b"SCHILY.acl.default",
                    b"user::rwx,group:g:r-x:6,group::r--,mask::r--,other::r--")
                   ) + member(b"d/", kind=b"5") + end,
        "acl-nonsense": pax((b"SCHILY.acl.access", b"user::rw-,mask")) +
        member(b"f") + end,
        "solaris": member(b"a", b"1000000\0user::rw-,group::r--,other:r--\0",
                          kind=b"A") + member(b"f") + end,
        "mac": member(b"._f", b"\0\5\26\7\0\2\0\0" + bytes(100)) +
        member(b"f", b"x") + end,
        "dir-with-data": header(b"d/", kind=b"5", size=600) + blocks(b"x" * 600)
        + member(b"f") + end,
        "types": b"".join(member(b"t" + bytes([c]), kind=bytes([c]))
                          for c in b"\0001234567DKLMNSVgxZ") + end,
        "base-256": header(b"f", at_124=b"\x80" + bytes(10) + b"\1") +
        blocks(b"x") + end,
        "size-2-62": pax(huge) + member(b"f", b"x") + end,
        "size-field-2-62": header(
            b"f", at_124=b"\x80\0\0\0" + (1 << 62).to_bytes(8, "big")) + end,
        "link-later": member(b"l", kind=b"1", at_157=b"f") + member(b"f") + end,
        "links": member(b"f", b"x") + b"".join(
            member(b"l%d" % i, kind=b"1", at_157=b"f") for i in range(6)) + end,
        "link-with-data": member(b"f", b"x") +
        member(b"l", b"new", kind=b"1", at_157=b"f") + end,
        "two": member(b"a", b"x") + end + member(b"b", b"y") + end,
        "trailing": member(b"a", b"x") + end + b"garbage" * 200,
        "prefix": member(b"name", b"x", at_345=b"pre/fix/d") + end,
        "times": pax((b"mtime", b"-0.5"), (b"atime", b"1e9"),
                     (b"ctime", b"99999999999999999999.5")) + member(b"f") +
        end,
        "charset": pax((b"hdrcharset", b"BINARY"), (b"path", b"\xff\xfe/f"),
                       (b"linkpath", b"\x80")) + member(b"f", kind=b"2") + end,
        "sparse-1.0-map": pax((b"GNU.sparse.major", b"1"),
                              (b"GNU.sparse.minor", b"0"),
                              (b"GNU.sparse.name", b"s"),
                              (b"GNU.sparse.realsize", b"100000")) +
        member(b"x/s", blocks(b"2\n0\n1\n99999\n1\n") + b"ab") + end,
        "sparse-1.0-huge": pax((b"GNU.sparse.major", b"1"),
                               (b"GNU.sparse.minor", b"0"),
                               (b"GNU.sparse.realsize", b"1" + b"0" * 18)) +
        member(b"s", blocks(b"9999999\n0\n1\n")) + end,
        "sparse-0.1-back": pax((b"GNU.sparse.map", b"5,1,0,1"),
                               (b"GNU.sparse.size", b"10")) +
        member(b"s", b"ab") + end,
        "long-name": member(b"././@LongLink", b"n" * 255 + b"\0", kind=b"L") +
        member(b"x") + end,
        "long-link": member(b"././@LongLink", b"t" * 4000 + b"\0", kind=b"K") +
        member(b"x", kind=b"2") + end,
        "long-long": member(b"././@LongLink", b"n" * 9 + b"\0", kind=b"L") * 3 +
        pax((b"path", b"p")) * 2 + member(b"x") + end,
    }


def go_tar(name):
    data = TOP / "tests/data/go"
    password = (data / f"{name}.passphrase").read_bytes()
    plain = forge.unseal((data / f"{name}.tar.aes").read_bytes(),
                         password.removesuffix(b"\n"))
    return trim(gzip.decompress(plain))


def python_tar(fmt):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=fmt) as t:
        for info, data in (forge.entry("d/" + "n" * 110, b"hello"),
                           forge.entry("big", b"y" * 3000, mtime=1.25,
                                       uid=1 << 24),
                           forge.entry("h", b"", type=tarfile.LNKTYPE,
                                       linkname="big")):
            t.addfile(info, io.BytesIO(data))
    return trim(out.getvalue())


MOUNTINFO = (
    "22 1 0:5 / / rw,relatime - ext4 /dev/root rw\n"
    "23 22 0:40 / /m rw,nosuid,nodev shared:7 - fuse.tazpodfs /v rw,"
    "user_id=1000,group_id=0\n")
STATUS = (
    "0\nvault=/v\nmount=/m\npid=17\nformat=2\ngeneration=3\n"
    "sealed_ns=1700000000000000000\nread_only=0\ndirty=1\nsealing=0\n"
    "last_error=28\nused_bytes=64\nlimit_bytes=67108864\nfiles=1\nfolders=0\n"
    "limit_inodes=32768\nlocked_bytes=3145728\nrequests=5\nskipped=2\n")

TEXT = {
    "options": {
        "plain": "ro,size=8M,uid=1,gid=2,umask=077,passfd=3",
        "all": "rw,create,nonempty,rollback,inplace,nocache,allow_other,"
        "noexec,sync,dirsync,noatime,nr_inodes=2k,keep=0,seal=close,"
        "seal_max=5m,passfile=/a\\,b,passcmd=c d\\\\,x-y,comment=z,user=u",
        "durations": "seal=86400000ms,seal_max=24h", "number": "16t",
        "duration": "86400s", "overflow": "size=18446744073709551616",
        "shift": "size=18014398509481984k", "negative": "keep=-1,uid=-1",
        "escapes": "\\,\\\\,\\", "empty": ",,,", "twice":
        "passcmd=a,passcmd=b,passfile=a,passfile=",
        "off": "seal=off,seal=200ms,writeback", "nocache": "nocache,writeback",
        "remount": "remount,ro", "octal": "umask=0777,umask=0778",
        "nul": "ro\0size=1",
    },
    "helper": {
        "mount": "mount.tazpodfs\n/v\n/m\n-o\nrw,size=1M",
        "all": "mount.tazpodfs\nv\nm\n-sfnv\n-osize=1M\n-t\ntazpodfs",
        "namespace": "mount.tazpodfs\nv\nm\n-N\n/proc/1/ns/mnt",
        "two": "m\nv\nm\n-o\na\n-o\nb", "name": "m\n-v\nm", "short": "m\nv",
        "more": "m\nv\nm\n-f\nmore", "end": "m\nv\nm\n--\n-o", "lacks":
        "m\nv\nm\n-o", "umount": "umount.tazpodfs\n/m\n-flnrv\n-t\nfuse",
    },
    "mounts": {
        "plain": MOUNTINFO,
        "escaped": MOUNTINFO.replace("/m ", "/a\\040b\\011\\012\\134 "),
        "over": MOUNTINFO + "24 23 0:41 / /m rw - tmpfs t rw\n"
        "25 22 0:42 / / rw - tmpfs t rw\n",
        "owner": MOUNTINFO.replace("1000", "4294967296"),
        "cut": MOUNTINFO[:-40], "no-id": MOUNTINFO.replace("user_id=1000,", ""),
        "none": MOUNTINFO.replace("/v rw", " rw"),
        "deleted": MOUNTINFO.replace("/m ", "/m\\040(deleted) "),
        "numbers": MOUNTINFO.replace("0:40", "4294967295:99999999999"),
    },
    "maps": {
        "file": "7f00-7f01 r-xp 00001000 00:2c 12 /m/a b",
        "deleted": "0-1 rw-s 0 fd:01 99 /m/x (deleted)",
        "none": "7ffd-7ffe rw-p 00000000 00:00 0          [stack]",
        "bare": "7f00-7f01 r--p 0 00:2c 12 ", "short": "a b c 1:2 3",
        "numbers": "a b c ffffffff:100000000 18446744073709551616 /x",
        "newline": "a b c 8:1 5 /m/a\\012b", "signs": "a b c +8:-1 5 /m",
    },
    "answer": {
        "status": STATUS, "save": "0\n", "error": "28\n",
        "large": STATUS.replace("=28", "=2147483648").replace(
            "=1700000000", "=9999999999").replace("=64", "=" + "9" * 30),
        "negative": "-1\n" + STATUS, "overflow": "2147483648\n",
        "no-end": "0", "nothing": "", "twice": STATUS + STATUS[2:],
        "signs": STATUS.replace("=", "=-"), "escapes": STATUS.replace(
            "/v", "/\033[2J"),
    },
    "path": {
        "file": "a/f", "links": "l/../u", "up": "../../a/../a/b/..", "loop":
        "x", "bomb": "y/y/y", "slash": "//a///b//", "through": "f/..",
        "nothing": "n", "empty": "", "dot": "./././.vault_pass", "long":
        "a/" + "n" * 256, "utf-8": "caf\u00e9/\u202e", "absolute": "/u2",
    },
    "config": {
        "empty": "", "all": "image: localhost/tazpod\nuser: tazpod\n"
        "container_name: tazpod-shop-0042\nengine: podman\nmount: ~/secrets\n"
        "grant: [fuse, sys_admin, ipc_lock, userns]\n"
        "run_options: ['--network=none', -e, 'A=b c']\n"
        "bridges: [.aws, ~/.ssh/, a/b]\nmemory:\n  - .gemini\n"
        "features: {ghost_mode: true, debug: true}\nghost_mode: false\n",
        "forerunner": "version: '1'\nimage: x\nactive_provider: p\n"
        "providers:\n  p:\n    db_host: h\nbuild: {context: .}\n"
        "aws_sso: {}\nvault: {retention: 50}\nmode: docker\ngopass: ~\n"
        "features:\n  ghost_mode: true\n  debug: true\n",
        "nulls": "image:\nuser: ~\ngrant: null\nbridges:\nmemory:\n"
        "features:\n", "block": "run_options:\n- |\n  a\n  b\n- >-\n"
        "  c\n  d\n- \"e\\\n  f\"\n", "flow": "{image: x, 'user': \"0\",\n"
        "? mount : /m}\n", "unknown": "brigdes: [a]\n",
        "alias": "image: &a x\nuser: *a\n", "tag": "image: !!str x\n",
        "merge": "<<: {image: x}\n", "twice": "image: x\nimage: y\n",
        "documents": "image: x\n---\nimage: y\n", "directive":
        "%YAML 1.1\n%TAG ! tag:x,2000:\n---\n!a b: c\n",
        "deep": "providers: " + "[" * 20 + "]" * 20, "long": "mode: " +
        "a" * 1200 + "\n", "bom": b"\xef\xbb\xbfimage: x\r\n",
        "utf-16": "image: x\n".encode("utf-16"), "bytes":
        b"image: x\nuser: \xff\n", "nul": "user: \"a\\0\"\n",
        "dots": "bridges: [a/../b]\n", "clash":
        "bridges: [a/b]\nmemory: [a]\n", "own": "memory: [~/vault/x/]\n",
        "odd": "bridges: ['a b', \u00e9, ..., \"\\t\", ~, '~']\n",
        "control": "\"\\x1b[2J\": x\n", "tabs": "grant:\n\t- fuse\n",
        "comments": "# all\nimage: x # one\nmemory: [ # two\n  a]\n",
    },
    "seen": {
        "plain": "generation=7\nsealed_ns=1700000000000000000\n",
        "cut": "generation=7\nsealed_ns=17", "order":
        "sealed_ns=1\ngeneration=2\n", "most":
        "generation=18446744073709551615\nsealed_ns=18446744073709551616\n",
        "sign": "generation=-1\nsealed_ns=+1\n", "nul":
        "generation=1\0\nsealed_ns=1\n",
    },
}


def main():
    gnu_tars()
    for name, data in hand_made().items():
        put("tar", name, data)
    for name in ("go-basic", "go-symlink", "go-unicode"):
        put("tar", name, go_tar(name))
    put("tar", "python-gnu", python_tar(tarfile.GNU_FORMAT))
    put("tar", "python-pax", python_tar(tarfile.PAX_FORMAT))
    for target, files in TEXT.items():
        for name, data in files.items():
            put(target, name, data)


main()
