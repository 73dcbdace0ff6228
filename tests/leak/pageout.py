#!/usr/bin/python3
"""Ask the kernel to swap a process out (process_madvise(2), MADV_PAGEOUT).

    pageout.py PID

It prints, of the private and secret mappings that are written to: how many are
locked, how many of those would be paged out all the same; and how many are not
locked, and would be.
"""
import ctypes
import os
import sys

SYS_PROCESS_MADVISE, MADV_PAGEOUT = 440, 21
libc = ctypes.CDLL(None, use_errno=True)


class iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("len", ctypes.c_size_t)]


def mappings(pid):
    """(start, end, is written to, flags, kB in swap) of each."""
    at = perms = swap = None
    with open(f"/proc/{pid}/smaps") as f:
        for line in f:
            words = line.split()
            if "-" in words[0]:
                at = [int(x, 16) for x in words[0].split("-")]
                perms = words[1]
            elif words[0] == "Swap:":
                swap = int(words[1])
            elif words[0] == "VmFlags:":
                yield at[0], at[1], perms[1] == "w", words[1:], swap


def page_out(pidfd, start, end):
    """Does the kernel take the advice?"""
    v = iovec(start, end - start)
    return libc.syscall(SYS_PROCESS_MADVISE, pidfd, ctypes.byref(v), 1,
                        MADV_PAGEOUT, 0) > 0


pid = int(sys.argv[1])
pidfd = os.pidfd_open(pid)
locked = taken = unlocked = unlocked_taken = swapped = 0
for start, end, written, flags, swap in mappings(pid):
    if not written:
        continue
    out = page_out(pidfd, start, end)
    if "lo" in flags:
        locked += 1
        taken += out
        swapped += swap
    else:
        unlocked += 1
        unlocked_taken += out
print(f"locked={locked} taken={taken} swapped={swapped} "
      f"unlocked={unlocked} unlocked_taken={unlocked_taken}")
