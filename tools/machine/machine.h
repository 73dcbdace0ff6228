/* SPDX-License-Identifier: MIT */
#ifndef TZ_MACHINE_H
#define TZ_MACHINE_H

/* What this machine has, and what of that this process gets. */

#include <stdbool.h>
#include <stdint.h>

enum {
	MACHINE_LOCK_MAX = 256 << 20, /* bytes: more is not tried */
};

/*
 * Facts, as they are now, for the user and the namespaces of this process.  An
 * err_* is 0 if that works, or the -errno that it ended with.
 */
struct machine {
	/* The kernel, and where this process is. */
	char release[66]; /* "6.1.0-18-amd64" */
	unsigned major, minor;
	bool is_container, is_first; /* first: pid 1 */
	bool is_initial;	     /* in the first user namespace */
	bool has_admin;		     /* CAP_SYS_ADMIN is in effect */
	bool no_new_privs;	     /* setuid programs get no rights */
	bool is_filtered;	     /* by seccomp, from outside */

	/* FUSE: by whom, and what /dev/fuse says to an open. */
	int err_device;
	int err_fuse;	    /* mounted by this process */
	int err_fusermount; /* -ENOENT: no fusermount3 in PATH; -EPERM: its
			       setuid bit is missing or without effect */
	bool allow_other;   /* user_allow_other in /etc/fuse.conf */
	bool admin_access;  /* the module lets every CAP_SYS_ADMIN in */

	/* File systems in memory, mounted by this process. */
	int err_noswap; /* tmpfs with "noswap" */
	int err_tmpfs;
	int err_ramfs;

	/* In a user and mount namespace of its own. */
	int err_userns; /* made, and something mounted in it */
	int err_userns_fuse;
	int err_userns_tmpfs; /* "noswap" is refused in there */
	int err_userns_ramfs;
	int max_userns;		/* user.max_user_namespaces, -1: unknown */
	bool is_userns_off;	/* kernel.unprivileged_userns_clone is 0 */
	bool is_userns_limited; /* AppArmor lets few programs use them */

	/* Memory: the limits and the most that could be locked, in bytes. */
	uint64_t memlock, memlock_max; /* UINT64_MAX: no limit */
	bool has_ipc_lock;	       /* CAP_IPC_LOCK: no limit either */
	uint64_t lockable;	       /* MACHINE_LOCK_MAX: or more */
	int err_secret;		       /* memfd_secret(2) */
	bool swap_on, zswap_on, can_hibernate;

	/* What a daemon can be confined by. */
	int landlock; /* version, 0: none */
	int err_seccomp;
};

/*
 * Find out all of that.  Each fact is tried, not guessed, as far as that leaves
 * nothing behind: mounts are made in children's namespaces, which end with
 * them, and memory is given back.  What hangs for two seconds counts as
 * refused (-ETIMEDOUT).  Forks, so only before mem_harden(), and without other
 * threads.  It never fails: what cannot be found out is an error of its fact.
 */
void machine_probe(struct machine *ret);

/* Is any swap in use, as /proc/swaps says?  True also if it does not. */
bool machine_swap_is_on(void);

/* Does the FUSE module let every process in that has CAP_SYS_ADMIN? */
bool machine_has_admin_access(void);

#endif
