#!/usr/bin/python3
"""The parts of contract.t that need threads, calls and times.

    contract.py calls VAULT PASSFILE DIR        (mounted with seal=off)
    contract.py group VAULT PASSFILE DIR        (seal=off, a slow disk)
    contract.py window VAULT PASSFILE DIR LEAST MOST CHANGES
    contract.py torn VAULT PASSFILE DIR         (seal=1ms)
    contract.py writers VAULT PASSFILE DIR      (seal=off, a slower disk)

What is sealed is read from the vault's file, by a reader that is not tazpod's.
TAZPOD is the program.  Each prints what it has seen.
"""
import mmap
import os
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "storm"))
import storm

CALLERS, TIMES = 16, 20
BLOCK = 128 << 10


def read(path):
    with open(path, "rb") as f:
        return f.read()


class Vault:
    def __init__(self, vault, passfile, folder):
        self.vault, self.folder = vault, folder
        self.password = storm.forge.passphrase(passfile)

    def path(self, name):
        return os.path.join(self.folder, name)

    def bytes(self):
        return read(self.vault)

    def unpack(self, data):
        return storm.unpack(data, self.password)

    def generation(self):
        return int.from_bytes(self.bytes()[80:88], "little")


def by_descriptor(call):
    def change(path):
        with open(path, "wb", buffering=0) as f:
            f.write(b"changed")
            call(f.fileno())
    return change


def by_flag(flag):
    def change(path):
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | flag, 0o600)
        os.write(fd, b"changed")
        os.close(fd)
    return change


def by_msync(path):
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    os.ftruncate(fd, 7)
    with mmap.mmap(fd, 7) as m:
        m[:] = b"changed"
        m.flush()
    os.close(fd)


def sync_folder(path):
    fd = os.open(os.path.dirname(path), os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)


def by_folder(path):
    with open(path + ".old", "wb", buffering=0) as f:
        f.write(b"changed")
    os.rename(path + ".old", path)
    sync_folder(path)


def by_save(path):
    with open(path, "wb") as f:
        f.write(b"changed")
    subprocess.run([os.environ["TAZPOD"], "save", "-q",
                    os.path.dirname(path)], check=True)


def by_another(path):
    """fsync of one file is of all."""
    with open(path, "wb") as f:
        f.write(b"changed")
    by_descriptor(os.fsync)(path + ".other")


CALLS = {
    "fsync": by_descriptor(os.fsync), "fdatasync": by_descriptor(os.fdatasync),
    "O_SYNC": by_flag(os.O_SYNC), "O_DSYNC": by_flag(os.O_DSYNC),
    "msync": by_msync, "folder": by_folder, "another": by_another,
    "save": by_save,
}


def calls(v):
    seen = {}
    for name, change in CALLS.items():
        change(v.path(name))
        seen[name] = v.bytes()
    for name, data in seen.items():
        if v.unpack(data).get(name) != b"changed":
            sys.exit("%s returned before its change was sealed" % name)
    print("%d calls" % len(seen))


def group(v):
    seen = []
    start = threading.Barrier(CALLERS)

    def caller(number):
        fd = os.open(v.path("caller%d" % number), os.O_RDWR | os.O_CREAT)
        start.wait()
        for n in range(TIMES):
            os.pwrite(fd, b"%05d" % n, 0)
            os.fsync(fd)
            if number == 0:
                seen.append(v.bytes())
        os.close(fd)

    first = v.generation()
    threads = [threading.Thread(target=caller, args=(i,))
               for i in range(CALLERS)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    seals = v.generation() - first
    print("%d calls of fsync, %d seals" % (CALLERS * TIMES, seals))
    for n, data in enumerate(seen):
        if v.unpack(data)["caller0"] < b"%05d" % n:
            sys.exit("an fsync returned before its change was sealed")
    last = v.unpack(v.bytes())
    if len(seen) != TIMES or any(
            last["caller%d" % i] != b"%05d" % (TIMES - 1)
            for i in range(CALLERS)):
        sys.exit("the last vault has not all")
    if seals > CALLERS * TIMES // 3:
        sys.exit("too many seals")


def window(v, least, most, changes):
    """Milliseconds from the first of so many changes, 20 ms apart, to the
    seal.  A busy machine may be late, but not each time."""
    took = []
    for _ in range(4):
        inode = os.stat(v.vault).st_ino
        begin = time.monotonic()
        left, due = int(changes), begin
        while os.stat(v.vault).st_ino == inode:
            now = time.monotonic()
            if now > begin + 20:
                sys.exit("not sealed in 20 seconds")
            if left > 0 and now >= due:
                by_flag(0)(v.path("file"))
                left, due = left - 1, now + 0.02
            time.sleep(0.002)
        took.append((time.monotonic() - begin) * 1000)
        if took[-1] < int(least):
            break
        if took[-1] <= int(most):
            print("%d ms" % took[-1])
            return
    sys.exit("took %s ms" % took)


def torn(v):
    """One block, each version of which is written by one call."""
    fd = os.open(v.path("block"), os.O_RDWR | os.O_CREAT)
    memory = mmap.mmap(-1, BLOCK)
    running = True

    def write():
        n = 0
        while running:
            n = n % 255 + 1
            memory[:] = bytes([n]) * BLOCK
            os.pwrite(fd, memory, 0)

    memory[:] = bytes([0]) * BLOCK
    os.pwrite(fd, memory, 0)
    os.fsync(fd)
    thread = threading.Thread(target=write)
    thread.start()
    seen, last = [], b""
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        data = v.bytes()
        if data != last and len(seen) < 200:
            seen.append(data)
            last = data
        time.sleep(0.003)
    running = False
    thread.join()
    os.close(fd)
    versions = set()
    for data in seen:
        block = v.unpack(data)["block"]
        if len(block) != BLOCK or block.strip(block[:1]):
            sys.exit("a sealed block is torn")
        versions.add(block[0])
    print("%d vaults, %d versions" % (len(seen), len(versions)))
    if len(versions) < 5:
        sys.exit("too few to tell")


def requests(v, n):
    """What asks the daemon, each with the seconds that it took."""
    path = v.path("new")
    steps = [lambda: by_flag(0)(path), lambda: os.rename(path, path + "er"),
             lambda: os.unlink(path + "er"), lambda: os.mkdir(path),
             lambda: os.rmdir(path), lambda: os.statvfs(v.folder),
             lambda: os.pwrite(n, os.urandom(4096), 0)]
    for step in steps:
        begin = time.monotonic()
        step()
        yield time.monotonic() - begin


def writers(v):
    """The kernel lets nobody write to a file while an fsync of that file is
    under way; so one file is synced and the others are written."""
    fd = os.open(v.path("synced"), os.O_RDWR | os.O_CREAT)
    other = os.open(v.path("other"), os.O_RDWR | os.O_CREAT)
    os.pwrite(other, b"before", 0)
    took = []

    def sync():
        begin = time.monotonic()
        os.fsync(fd)
        took.append(time.monotonic() - begin)

    log = os.environ["FAULTY"] + ".log"
    size = os.stat(log).st_size if os.path.exists(log) else 0
    thread = threading.Thread(target=sync)
    thread.start()
    while not os.path.exists(log) or os.stat(log).st_size == size:
        time.sleep(0.001)       # until the disk has been asked to sync
    longest, count = 0, 0
    while thread.is_alive():
        for seconds in requests(v, other):
            longest = max(longest, seconds)
            count += 1
    thread.join()
    print("an fsync took %.1f s; meanwhile %d requests, the longest %.1f ms" % (
        took[0], count, longest * 1000))
    if v.unpack(v.bytes())["other"] != b"before":
        sys.exit("the seal holds what was written after it began")
    if took[0] < 1 or count < 100 or longest > 0.5:
        sys.exit("somebody was held up, or nobody waited")
    by_folder(v.path("last"))
    if len(v.unpack(v.bytes())["other"]) != 4096:
        sys.exit("the next seal does not hold it")


if __name__ == "__main__":
    {f.__name__: f for f in (calls, group, window, torn, writers)}[sys.argv[1]](
        Vault(*sys.argv[2:5]), *sys.argv[5:])
