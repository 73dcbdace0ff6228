#!/usr/bin/python3
"""What tests/e2e/memlock.t works with: 60 MiB that follow from a seed.

    memlock.py fill DIR VERSION     write it, or what differs from version 1
    memlock.py check DIR VERSION    read it, files in random order, in parts
    memlock.py hold                 hold all of it, until standard input ends
    memlock.py scan PID FLAGS       how many canaries of how many are in the
                                    mappings of a process: "unlocked", "locked"
"""
import os
import random
import re
import sys

BIG, SMALL = 3, 800
CANARY = 48


def names():
    return ["big%d" % i for i in range(BIG)] + ["small%d" % i for i in range(SMALL)]


def content(name, version):
    """Random bytes, and canaries all over them."""
    if int(re.sub(r"\D", "", name)) % 5 != 0:
        version = 1
    r = random.Random("%s %s" % (name, version))
    size = (12 << 20) + 777 if name.startswith("big") else r.randrange(1, 60000)
    data = bytearray(r.randbytes(size))
    for at in range(100, size - CANARY, 20000):
        data[at : at + CANARY] = canary(name, version, at)
    return data


def canary(name, version, at):
    r = random.Random("%s %s %s" % (name, version, at))
    return b"TAZPOD-CANARY-" + r.randbytes(17).hex().encode()


def canaries():
    found = set()
    for name in names():
        for version in (1, 2):
            data = bytes(content(name, version))
            found.update(re.findall(rb"TAZPOD-CANARY-[0-9a-f]{34}", data))
    return found


def fill(top, version):
    for name in names():
        data = content(name, version)
        if version > 1 and data == content(name, 1):
            continue
        with open(os.path.join(top, name), "r+b" if version > 1 else "wb") as f:
            # Backwards and in odd pieces: over what is there already.
            step = 50000
            for at in reversed(range(0, len(data), step)):
                f.seek(at)
                f.write(data[at : at + step])
            f.truncate(len(data))


def check(top, version):
    order = names()
    random.shuffle(order)
    for name in order:
        data = content(name, version)
        with open(os.path.join(top, name), "rb", buffering=0) as f:
            for _ in range(20):
                at = random.randrange(len(data))
                n = random.randrange(1, 20000)
                if os.pread(f.fileno(), n, at) != data[at : at + n]:
                    sys.exit("%s: differs at %d" % (name, at))
            if f.read() != data:
                sys.exit("%s: differs" % name)
    if sorted(os.listdir(top)) != sorted(names()):
        sys.exit("other names")


def mappings(pid):
    """Address range, flags and name of each."""
    where = None
    for line in open("/proc/%s/smaps" % pid):
        m = re.match(r"([0-9a-f]+)-([0-9a-f]+) (....) \S+ \S+ \S+ *(.*)", line)
        if m:
            where = int(m[1], 16), int(m[2], 16), m[3]
        elif line.startswith("VmFlags:"):
            yield where, line.split()[1:]


def scan(pid, which):
    wanted, seen = canaries(), set()
    with open("/proc/%s/mem" % pid, "rb", buffering=0) as mem:
        for (start, end, modes), flags in mappings(pid):
            if "r" not in modes or ("lo" in flags) != (which == "locked"):
                continue
            tail = b""
            while start < end:
                n = min(end - start, 1 << 20)
                try:
                    data = os.pread(mem.fileno(), n, start)
                except OSError:
                    break
                found = re.findall(
                    rb"TAZPOD-CANARY-[0-9a-f]{34}", tail + data
                )
                seen.update(set(found) & wanted)
                # Half of one counts, too.
                seen.update(
                    c for c in re.findall(rb"TAZPOD-CANARY-[0-9a-f]{8}", data)
                    if not any(f.startswith(c) for f in found)
                )
                tail = data[-CANARY:]
                start += n
    print(len(seen), "of", len(wanted))


def hold():
    kept = [content(name, v) for name in names() for v in (1, 2)]
    print("ready", flush=True)
    sys.stdin.read()
    del kept


what = sys.argv[1]
if what == "fill":
    fill(sys.argv[2], int(sys.argv[3]))
elif what == "check":
    check(sys.argv[2], int(sys.argv[3]))
elif what == "scan":
    scan(sys.argv[2], sys.argv[3])
elif what == "hold":
    hold()
