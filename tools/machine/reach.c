/* SPDX-License-Identifier: MIT */
#include "reach.h"

#include "tools/msg.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

__attribute__((format(printf, 2, 3))) static void why(struct reach *ret,
						      const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(ret->why, sizeof(ret->why), format, args);
	va_end(args);
}

static void how(struct reach *ret, const char *text)
{
	(void)snprintf(ret->how, sizeof(ret->how), "%s", text);
}

/* How to get what is said differently to machines and to containers. */
static void how_where(struct reach *ret, const struct machine *m,
		      const char *container, const char *machine)
{
	how(ret, m->is_container ? container : machine);
}

static void explain_device(struct reach *ret, const struct machine *m)
{
	switch (-m->err_device) {
	case ENOENT:
		why(ret, "there is no /dev/fuse");
		how_where(ret, m, "give the container --device /dev/fuse",
			  "load the module: modprobe fuse");
		return;
	case ENODEV:
	case ENXIO:
		why(ret, "what is at /dev/fuse is not the FUSE device, or its "
			 "module is not loaded");
		how_where(ret, m, "give the container --device /dev/fuse",
			  "load the module: modprobe fuse");
		return;
	case EACCES:
		why(ret, "this user may not open /dev/fuse");
		how(ret, "let users open it: chmod 666 /dev/fuse, or such a "
			 "rule for udev");
		return;
	case EPERM:
		why(ret, "the rules for devices forbid to open /dev/fuse");
		how_where(ret, m, "give the container --device /dev/fuse",
			  "allow it to the service: DeviceAllow=/dev/fuse");
		return;
	default:
		why(ret, "/dev/fuse: %s", msg_error(m->err_device));
		how(ret, "see what is at /dev/fuse");
	}
}

/* What keeps us from mounting, by the error of a mount. */
static void explain_mount(struct reach *ret, const struct machine *m,
			  const char *what, int err)
{
	if (err == -EACCES) {
		why(ret, "a security module forbids mounts");
		how_where(ret, m,
			  "give the container --security-opt "
			  "apparmor=unconfined",
			  "allow mounts in the profile of AppArmor or SELinux");
	} else if (err == -ENODEV) {
		why(ret, "the kernel has no %s", what);
		how(ret, "use a kernel that has it");
	} else if (err != -EPERM) {
		why(ret, "mounting a %s: %s", what, msg_error(err));
		how(ret, "see dmesg(1)");
	} else if (m->has_admin) {
		why(ret, "the right to mount is without effect here");
		how_where(ret, m,
			  "give the container --security-opt "
			  "seccomp=unconfined",
			  "make a mount namespace: unshare --mount");
	} else {
		why(ret, "this process may not mount (CAP_SYS_ADMIN)");
		how_where(ret, m, "as root, with --cap-add SYS_ADMIN",
			  "do it as root");
	}
}

static void explain_fusermount(struct reach *ret, const struct machine *m)
{
	if (m->err_fusermount == -ENOENT) {
		why(ret, "fusermount3 is not installed");
		how(ret, "apt install fuse3");
	} else if (m->no_new_privs) {
		why(ret, "no_new_privs keeps fusermount3 from its rights");
		how_where(ret, m,
			  "start the container without no-new-privileges",
			  "start it without no_new_privs "
			  "(NoNewPrivileges= of a service)");
	} else {
		why(ret, "fusermount3 does not get its rights: its setuid bit "
			 "is missing, or without effect here");
		how_where(ret, m, "give the container --cap-add SYS_ADMIN",
			  "apt install --reinstall fuse3");
	}
}

static void explain_fuse(struct reach *ret, const struct machine *m)
{
	if (m->err_device != 0)
		explain_device(ret, m);
	else if (m->has_admin)
		explain_mount(ret, m, "FUSE", m->err_fuse);
	else
		explain_fusermount(ret, m);
}

static void explain_userns(struct reach *ret, const struct machine *m)
{
	if (m->max_userns == 0 || m->err_userns == -ENOSPC) {
		why(ret, "user namespaces are off (user.max_user_namespaces)");
		how(ret, "sysctl user.max_user_namespaces=10000");
	} else if (m->is_userns_off) {
		why(ret, "user namespaces are off for users");
		how(ret, "sysctl kernel.unprivileged_userns_clone=1");
	} else if (m->is_userns_limited) {
		why(ret, "AppArmor lets programs of users mount nothing in "
			 "user namespaces");
		how(ret, "sysctl "
			 "kernel.apparmor_restrict_unprivileged_userns=0");
	} else if (m->err_userns == -EPERM || m->err_userns == -EACCES) {
		why(ret, "no user namespace can be made here, or nothing be "
			 "mounted in it");
		how_where(ret, m,
			  "give the container --security-opt "
			  "seccomp=unconfined --security-opt "
			  "apparmor=unconfined",
			  "allow it where a filter, a chroot or a security "
			  "module forbids it");
	} else {
		why(ret, "user namespaces: %s", msg_error(m->err_userns));
		how(ret, "use a kernel that has them");
	}
}

static void explain_fuse_userns(struct reach *ret, const struct machine *m)
{
	if (m->err_userns != 0) {
		explain_userns(ret, m);
	} else if (m->err_device != 0) {
		explain_device(ret, m);
	} else if (m->err_userns_fuse == -EPERM) {
		why(ret, "no FUSE can be mounted in a user namespace");
		how(ret, "use Linux 4.18 or newer");
	} else {
		why(ret, "FUSE in a user namespace: %s",
		    msg_error(m->err_userns_fuse));
		how(ret, "see dmesg(1)");
	}
}

static void explain_tmpfs(struct reach *ret, const struct machine *m)
{
	if (m->err_tmpfs != 0) {
		explain_mount(ret, m, "tmpfs", m->err_tmpfs);
	} else if (!m->is_initial) {
		why(ret, "in a user namespace a tmpfs cannot be noswap");
		how(ret, "do it as root outside of user namespaces");
	} else {
		why(ret, "Linux %s cannot keep a tmpfs from swap", m->release);
		how(ret, "use Linux 6.4 or newer, or turn swap off: swapoff "
			 "-a");
	}
}

void reach_explain(struct reach *ret, const struct machine *m, enum rung r)
{
	*ret = (struct reach){0};
	switch (r) {
	case RUNG_NONE:
	case RUNG_COUNT:
		break;
	case RUNG_FUSE:
	case RUNG_FUSERMOUNT:
		explain_fuse(ret, m);
		break;
	case RUNG_FUSE_USERNS:
		explain_fuse_userns(ret, m);
		break;
	case RUNG_TMPFS:
		explain_tmpfs(ret, m);
		break;
	case RUNG_TMPFS_SWAP:
		explain_mount(ret, m, "tmpfs", m->err_tmpfs);
		break;
	case RUNG_RAMFS:
		if (m->has_admin || m->err_userns == 0)
			explain_mount(ret, m, "ramfs", m->err_ramfs);
		else
			explain_userns(ret, m);
		break;
	}
}
