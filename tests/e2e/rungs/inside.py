#!/usr/bin/python3
"""Try on a mount what it promises, from where it is seen.

inside.py TAZPOD DIR OUT GO: write what was found to OUT as JSON, and wait until
GO is there, for a minute at most.  What `tazpod status` says goes along.
"""
import json
import os
import subprocess
import sys
import time

# In two parts, so that this file does not have it.
CANARY = b"canary of " + b"the rungs\n"


def table(path, where):
    """Type, source and options of what is mounted at path, or None."""
    found = None
    with open(where, encoding="utf-8", errors="surrogateescape") as lines:
        for line in lines:
            left, right = line.split(" - ", 1)
            if left.split()[4] == path:
                fstype, source, options = right.split()[:3]
                found = {"type": fstype, "source": source, "options": options,
                         "flags": left.split()[5]}
    return found


def tried(call):
    try:
        call()
        return 0
    except OSError as e:
        return e.errno


def fill(path):
    with open(path, "wb") as f:
        for _ in range(3 << 4):
            f.write(b"\0" * (64 << 10))


def main():
    tazpod, folder, out, go = sys.argv[1:]
    facts = {"mount": table(folder, "/proc/self/mountinfo")}
    with open(f"{folder}/canary", "wb") as f:
        f.write(CANARY)
    subprocess.run([tazpod, "save", "-q", folder], check=True)
    facts["full"] = tried(lambda: fill(f"{folder}/large"))
    os.unlink(f"{folder}/large")
    facts["xattr"] = tried(
        lambda: os.setxattr(f"{folder}/canary", "user.a", b"b"))
    facts["program"] = tried(lambda: run_program(folder))
    status = subprocess.run([tazpod, "status", "--json", folder], check=True,
                            stdout=subprocess.PIPE)
    facts["status"] = json.loads(status.stdout)[0]
    with open(out + ".new", "w", encoding="utf-8") as f:
        json.dump(facts, f)
    os.rename(out + ".new", out)
    for _ in range(1200):
        if os.path.exists(go):
            break
        time.sleep(0.05)


def run_program(folder):
    path = f"{folder}/program"
    with open(path, "w", encoding="utf-8") as f:
        f.write("#!/bin/sh\n")
    os.chmod(path, 0o700)
    try:
        subprocess.run([path], check=True)
    finally:
        os.unlink(path)


if __name__ == "__main__":
    main()
