#!/usr/bin/env python3
"""Look at the machine by other means than tazpod does, and compare.

    doctor.py facts FILE    each fact of `doctor --json` that is not as found
    doctor.py table FILE DOCS [OWN]
                            each promise that is not as DOCS has it; OWN: in a
                            namespace of its own, where that is needed
    doctor.py titles FILE DOCS
                            the promises' words in DOCS
    doctor.py got FILE PATH one value of it, such as facts.swap

FILE is what doctor printed, or - for the standard input.
"""
import array
import ctypes
import json
import mmap
import os
import re
import resource
import socket
import stat
import subprocess
import sys
import tempfile

libc = ctypes.CDLL(None, use_errno=True)
MEMFD_SECRET, LANDLOCK = 447, 444
LOCK_MAX = 256 << 20


def syscall(*args):
    """Its result, or minus its errno."""
    got = libc.syscall(*args)
    return got if got >= 0 else -ctypes.get_errno()


def text(path):
    try:
        with open(path) as f:
            return f.read()
    except OSError:
        return ""


def status(name):
    return re.search(rf"^{name}:\s*(\S+)", text("/proc/self/status"), re.M)[1]


def has_cap(number):
    return bool(int(status("CapEff"), 16) >> number & 1)


def works(*command, **more):
    return (
        subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **more,
        ).returncode
        == 0
    )


APART = ["unshare", "--mount", "--propagation", "private"]
OWN = ["unshare", "--user", "--map-root-user", "--mount"]


def mounts(where, kind, options=None):
    extra = ["-o", options] if options else []
    return works(*where, "mount", "-i", "-t", kind, *extra, "x", "/tmp")


def device():
    """0, or the errno of opening it; ENODEV is another's device."""
    try:
        fd = os.open("/dev/fuse", os.O_RDWR)
    except OSError as e:
        return e.errno
    st = os.fstat(fd)
    os.close(fd)
    is_fuse = stat.S_ISCHR(st.st_mode) and st.st_rdev == os.makedev(10, 229)
    return 0 if is_fuse else 19


MOUNT_FUSE = """
exec 7<>/dev/fuse || exit
mount -i -t fuse -o "fd=7,rootmode=40000,user_id=0,group_id=0" x /tmp
"""


def mounts_fuse(where):
    return device() == 0 and works(*where, "sh", "-c", MOUNT_FUSE)


def fusermount():
    """Mount for real, as libfuse does, and unmount."""
    with tempfile.TemporaryDirectory() as place:
        ours, theirs = socket.socketpair()
        env = dict(os.environ, _FUSE_COMMFD=str(theirs.fileno()))
        try:
            if not works(
                "fusermount3", "--", place, env=env, pass_fds=[theirs.fileno()]
            ):
                return False
        except FileNotFoundError:
            return False
        theirs.close()
        fds = array.array("i")
        _, more, _, _ = ours.recvmsg(1, socket.CMSG_SPACE(fds.itemsize))
        fds.frombytes(more[0][2])
        os.close(fds[0])
        return works("fusermount3", "-u", "-z", place)


def locks(size):
    """Lock so much for real."""
    if size == 0:
        return True
    m = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    start = ctypes.c_char.from_buffer(m)
    got = libc.mlock(ctypes.byref(start), ctypes.c_size_t(size)) == 0
    del start
    m.close()
    return got


def is_lockable(size):
    """Can so much be locked, and no more?"""
    return locks(size) and (size == LOCK_MAX or not locks(size + mmap.PAGESIZE))


def limit(value):
    return -1 if value == resource.RLIM_INFINITY else value


def found(told):
    """What is looked at as a number or a truth value."""
    soft, hard = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    secret = syscall(MEMFD_SECRET, 0)
    landlock = syscall(LANDLOCK, None, 0, 1)
    disk = text("/sys/power/disk")
    return {
        "kernel": os.uname().release,
        "pid_1": False,
        "first_userns": text("/proc/self/uid_map").split()
        == ["0", "0", "4294967295"],
        "sys_admin": has_cap(21),
        "ipc_lock": has_cap(14),
        "no_new_privs": status("NoNewPrivs") == "1",
        "filtered": status("Seccomp") == "2",
        "seccomp": 0 if text("/proc/sys/kernel/seccomp/actions_avail") else 22,
        "dev_fuse": device(),
        "user_allow_other": bool(
            re.search(r"^\s*user_allow_other\s*$", text("/etc/fuse.conf"), re.M)
        ),
        "allow_sys_admin_access": text(
            "/sys/module/fuse/parameters/allow_sys_admin_access"
        ).startswith("Y"),
        "memlock": limit(soft),
        "memlock_max": limit(hard),
        "memfd_secret": -secret if secret < 0 else 0,
        "landlock": max(landlock, 0),
        "swap": len(text("/proc/swaps").splitlines()) > 1,
        "zswap": text("/sys/module/zswap/parameters/enabled") == "Y\n",
        "hibernation": disk != "" and "[disabled]" not in disk,
        "lockable": told["lockable"] if is_lockable(told["lockable"]) else None,
    }


def tried(told):
    """What either works or does not."""
    got = {
        "tmpfs": mounts(APART, "tmpfs"),
        "tmpfs_noswap": mounts(APART, "tmpfs", "noswap"),
        "ramfs": mounts(APART, "ramfs"),
        "fuse": mounts_fuse(APART),
        "userns": mounts(OWN, "tmpfs"),
        "userns_tmpfs": mounts(OWN, "tmpfs"),
        "userns_ramfs": mounts(OWN, "ramfs"),
        "userns_fuse": mounts_fuse(OWN),
    }
    # Root needs none of its rights, and without the device it cannot try.
    if not has_cap(21) and device() == 0:
        got["fusermount3"] = fusermount()
    return got


def facts(told):
    for key, value in found(told).items():
        if told[key] != value or type(told[key]) is not type(value):
            yield f"{key}: told {told[key]}, found {value}"
    for key, value in tried(told).items():
        if (told[key] == 0) != value:
            yield f"{key}: told {told[key]}, tried {value}"


def tables(path):
    """Those in a Markdown file, as lists of rows."""
    rows = []
    for line in [*text(path).splitlines(), ""]:
        if line.startswith("| ") and not line.startswith("| ---"):
            rows.append([c.strip() for c in line.strip("|").split(" | ")])
        elif rows and not line.startswith("|"):
            yield rows
            rows = []


def words(cell):
    return re.findall(r"`([^`]+)`", cell)


def promised(path, now):
    """{rung: {promise: word}}, as it is where all of now is true."""
    promises = {}
    for header, *rows in tables(path):
        if header[0] == "promise":
            for i, name in enumerate(header[1:], 1):
                promises[words(name)[0]] = {
                    words(r[0])[0]: r[i] for r in rows
                }
        elif header == ["when", "promise", "rungs", "becomes"]:
            unknown = now - {r[0] for r in rows}
            assert not unknown, unknown
            for when, promise, rungs, word in rows:
                for rung in words(rungs) if when in now else []:
                    promises[rung][words(promise)[0]] = word
    return promises


def titles(path):
    for header, *rows in tables(path):
        if header[0] == "promise":
            return {words(r[0])[0]: r[0].split(": ", 1)[1] for r in rows}


def table(told, docs, own):
    now = set()
    if not len(text("/proc/swaps").splitlines()) > 1:
        now.add("no swap is on")
    if text("/sys/module/fuse/parameters/allow_sys_admin_access")[:1] == "Y":
        now.add("the fuse module has `allow_sys_admin_access`")
    if own:
        now.add("in a namespace of its own")
    wanted = promised(docs, now)
    got = {r["rung"]: r["promises"] for r in told["rungs"]}
    if list(wanted) != list(got):
        yield f"rungs: told {list(got)}, documented {list(wanted)}"
        return
    for rung, promises in wanted.items():
        if list(promises) != list(got[rung]):
            yield f"{rung}: told {list(got[rung])}, documented {list(promises)}"
        for name, word in promises.items():
            if got[rung].get(name) != word:
                yield f"{rung}: {name}: told {got[rung].get(name)}, not {word}"


def main():
    what, path, *rest = sys.argv[1:]
    with open(path) if path != "-" else sys.stdin as f:
        told = json.load(f)
    if what == "facts":
        print(*facts(told["facts"]), sep="\n")
    elif what == "table":
        print(*table(told, rest[0], len(rest) > 1), sep="\n")
    elif what == "titles":
        print(*titles(rest[0]).values(), sep="\n")
    else:
        for key in rest[0].split("."):
            told = told[key]
        print(json.dumps(told) if not isinstance(told, str) else told)


main()
