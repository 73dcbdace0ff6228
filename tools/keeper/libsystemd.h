/* SPDX-License-Identifier: MIT */
#ifndef TZ_LIBSYSTEMD_H
#define TZ_LIBSYSTEMD_H

/*
 * libsystemd, if this machine has it.  The programs are not linked with it:
 * where it is missing they work without.
 */

#include <systemd/sd-bus.h>
#include <systemd/sd-login.h>

/* What is called of it; X is given each name. */
#define LIBSYSTEMD_CALLS(X)                                                    \
	X(sd_bus_add_match_async)                                              \
	X(sd_bus_call_method_async)                                            \
	X(sd_bus_close_unref)                                                  \
	X(sd_bus_get_events)                                                   \
	X(sd_bus_get_fd)                                                       \
	X(sd_bus_get_timeout)                                                  \
	X(sd_bus_message_enter_container)                                      \
	X(sd_bus_message_exit_container)                                       \
	X(sd_bus_message_get_path)                                             \
	X(sd_bus_message_get_sender)                                           \
	X(sd_bus_message_has_signature)                                        \
	X(sd_bus_message_is_method_error)                                      \
	X(sd_bus_message_read)                                                 \
	X(sd_bus_message_skip)                                                 \
	X(sd_bus_open_system)                                                  \
	X(sd_bus_process)                                                      \
	X(sd_bus_set_method_call_timeout)                                      \
	X(sd_bus_slot_unref)                                                   \
	X(sd_pid_get_owner_uid)                                                \
	X(sd_pid_get_session)                                                  \
	X(sd_uid_get_sessions)

/* Each under its own name and with its own type. */
struct libsystemd {
#define LIBSYSTEMD_MEMBER(name) __typeof__(name) *name;
	LIBSYSTEMD_CALLS(LIBSYSTEMD_MEMBER)
#undef LIBSYSTEMD_MEMBER
};

/*
 * Load it, once; it stays until the process ends.  NULL: it is not there, or
 * too old (before 240) to have all of these.  Not for more than one thread.
 */
const struct libsystemd *libsystemd_load(void);

#endif
