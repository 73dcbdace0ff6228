/* SPDX-License-Identifier: MIT */
/*
 *	logind own|none|wrong USER
 *	logind impostor USER
 *
 * Be logind, on the bus of DBUS_SYSTEM_BUS_ADDRESS, as far as
 *tools/keeper/logind.c knows it.  There are three sessions: own and mine, which
 *are USER's, and other.  Whoever asks is in the first of them, or in none. With
 *"wrong", all answers have types that they should not have.
 *
 * An impostor has not the name, but says that it has, and tells the same to
 * everybody who is on the bus, one by one, and to all.
 *
 * What was asked is printed, a line each, and when an inhibitor is let go.
 * Standard input has commands, until its end:
 *
 *	sleep 0|1		PrepareForSleep
 *	lock SESSION 0		Lock
 *	hint SESSION 0|1	LockedHint is changed
 *	odd SESSION 0		all these, with types that they should not have
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#define LOGIN1	   "org.freedesktop.login1"
#define OBJECT	   "/org/freedesktop/login1"
#define PROPERTIES "org.freedesktop.DBus.Properties"

enum { INHIBITORS = 16, FIRST = 2 };

static struct {
	const char *mode;
	uint32_t user;
	sd_bus *bus;
	/* Commands, the bus, and the other ends of inhibitors. */
	struct pollfd p[FIRST + INHIBITORS];
} mock;

static bool mode_is(const char *mode)
{
	return strcmp(mock.mode, mode) == 0;
}

static void must(int r, const char *what)
{
	if (r >= 0)
		return;
	(void)fprintf(stderr, "logind: %s: %s\n", what, strerror(-r));
	exit(1);
}

/* Answers */

static int inhibit(sd_bus_message *m)
{
	const char *what, *who, *why, *how;
	int ends[2], i = FIRST, r;

	must(sd_bus_message_read(m, "ssss", &what, &who, &why, &how),
	     "Inhibit");
	if (mode_is("wrong"))
		return sd_bus_reply_method_return(m, "s", "no");
	while (mock.p[i].fd >= 0)
		i++;
	must(pipe2(ends, O_CLOEXEC), "pipe2");
	mock.p[i].fd = ends[0];
	printf("inhibited %d: %s, %s, %s, %s\n", i - FIRST, what, who, why,
	       how);
	r = sd_bus_reply_method_return(m, "h", ends[1]);
	(void)close(ends[1]);
	return r;
}

static int session_by_pid(sd_bus_message *m)
{
	uint32_t pid;

	must(sd_bus_message_read(m, "u", &pid), "GetSessionByPID");
	printf("asked for the session of %u\n", pid);
	if (mode_is("wrong"))
		return sd_bus_reply_method_return(m, "s", "none");
	if (mode_is("own"))
		return sd_bus_reply_method_return(m, "o",
						  OBJECT "/session/own");
	return sd_bus_reply_method_errorf(m, LOGIN1 ".NoSessionForPID", "none");
}

static int get(sd_bus_message *m)
{
	const char *path = sd_bus_message_get_path(m);
	const char *interface, *property;
	uint32_t user = mock.user + (strstr(path, "/other") != NULL);

	must(sd_bus_message_read(m, "ss", &interface, &property), "Get");
	printf("asked for %s of %s\n", property, path);
	if (mode_is("wrong"))
		return sd_bus_reply_method_return(m, "v", "u", user);
	return sd_bus_reply_method_return(m, "v", "(uo)", user,
					  OBJECT "/user/somebody");
}

static int on_message(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
	(void)ctx;
	(void)error;
	if (sd_bus_message_is_method_call(m, LOGIN1 ".Manager", "Inhibit"))
		return inhibit(m);
	if (sd_bus_message_is_method_call(m, LOGIN1 ".Manager",
					  "GetSessionByPID"))
		return session_by_pid(m);
	if (sd_bus_message_is_method_call(m, PROPERTIES, "Get"))
		return get(m);
	return 0;
}

/* Signals */

/* Send it, and let go of it; to is NULL for all. */
static void send_to(sd_bus_message *m, const char *to)
{
	must(to != NULL ? sd_bus_send_to(mock.bus, m, to, NULL)
			: sd_bus_send(mock.bus, m, NULL),
	     "send");
	(void)sd_bus_message_unref(m);
}

static sd_bus_message *signal_of(const char *path, const char *interface,
				 const char *member)
{
	sd_bus_message *m;

	must(sd_bus_message_new_signal(mock.bus, &m, path, interface, member),
	     member);
	return m;
}

static void say_sleep(const char *to, const char *type, int on)
{
	sd_bus_message *m =
		signal_of(OBJECT, LOGIN1 ".Manager", "PrepareForSleep");

	if (*type == 'b')
		must(sd_bus_message_append(m, "b", on), "append");
	else
		must(sd_bus_message_append(m, "s", "true"), "append");
	send_to(m, to);
}

static void say_lock(const char *to, const char *path, bool is_odd)
{
	sd_bus_message *m = signal_of(path, LOGIN1 ".Session", "Lock");

	if (is_odd)
		must(sd_bus_message_append(m, "b", 1), "append");
	send_to(m, to);
}

static void say_hint(const char *to, const char *path, const char *type, int on)
{
	sd_bus_message *m = signal_of(path, PROPERTIES, "PropertiesChanged");

	if (*type == 'b')
		must(sd_bus_message_append(m, "sa{sv}as", LOGIN1 ".Session", 2,
					   "Active", "b", 1, "LockedHint", "b",
					   on, 1, "IdleHint"),
		     "append");
	else
		must(sd_bus_message_append(m, "sa{sv}as", LOGIN1 ".Session", 1,
					   "LockedHint", "s", "true", 0),
		     "append");
	send_to(m, to);
}

static void say(const char *to, const char *what, const char *session, int on)
{
	char path[128];

	(void)snprintf(path, sizeof(path), OBJECT "/session/%s", session);
	if (strcmp(what, "sleep") == 0)
		say_sleep(to, "b", on);
	else if (strcmp(what, "lock") == 0)
		say_lock(to, path, false);
	else if (strcmp(what, "hint") == 0)
		say_hint(to, path, "b", on);
	else {
		say_sleep(to, "s", on);
		say_lock(to, path, true);
		say_hint(to, path, "s", on);
	}
}

/* "logind is me", as the bus would say it. */
static void pretend(const char *to)
{
	sd_bus_message *m =
		signal_of("/org/freedesktop/DBus", "org.freedesktop.DBus",
			  "NameOwnerChanged");
	const char *me;

	must(sd_bus_get_unique_name(mock.bus, &me), "name");
	must(sd_bus_message_append(m, "sss", LOGIN1, "", me), "append");
	send_to(m, to);
}

static void say_to_each(const char *what, const char *session, int on)
{
	char **names;

	must(sd_bus_list_names(mock.bus, &names, NULL), "ListNames");
	for (char **name = names; *name != NULL; name++) {
		if (**name == ':') {
			pretend(*name);
			say(*name, what, session, on);
		}
		free(*name);
	}
	free(names);
}

/* False: the end. */
static bool obey(void)
{
	char line[128], what[32] = "", session[32] = "";
	int on = 0;

	if (fgets(line, sizeof(line), stdin) == NULL)
		return false;
	if (sscanf(line, "sleep %d", &on) == 1)
		strcpy(what, "sleep");
	else if (sscanf(line, "%31s %31s %d", what, session, &on) != 3)
		exit(2);
	say(NULL, what, session, on);
	if (mode_is("impostor"))
		say_to_each(what, session, on);
	/* The bus has passed it on when it answers. */
	must(sd_bus_call_method(
		     mock.bus, "org.freedesktop.DBus", "/org/freedesktop/DBus",
		     "org.freedesktop.DBus.Peer", "Ping", NULL, NULL, ""),
	     "Ping");
	printf("said %s", line);
	return true;
}

static void see_released(void)
{
	for (int i = FIRST; i < FIRST + INHIBITORS; i++)
		if (mock.p[i].fd >= 0 && mock.p[i].revents != 0) {
			(void)close(mock.p[i].fd);
			mock.p[i].fd = -1;
			printf("released %d\n", i - FIRST);
		}
}

static void serve(void)
{
	int r;

	mock.p[0] = (struct pollfd){STDIN_FILENO, POLLIN, 0};
	for (;;) {
		while ((r = sd_bus_process(mock.bus, NULL)) > 0)
			;
		must(r, "process");
		mock.p[1].fd = sd_bus_get_fd(mock.bus);
		mock.p[1].events = (short)sd_bus_get_events(mock.bus);
		must(poll(mock.p, FIRST + INHIBITORS, -1) < 0 ? -errno : 0,
		     "poll");
		see_released();
		if (mock.p[0].revents != 0 && !obey())
			return;
	}
}

int main(int argc, char *argv[])
{
	if (argc != 3)
		return 2;
	mock.mode = argv[1];
	mock.user = (uint32_t)strtoul(argv[2], NULL, 10);
	/* One line in the buffer at a time, as poll(2) looks below it. */
	(void)setvbuf(stdin, NULL, _IONBF, 0);
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 0; i < FIRST + INHIBITORS; i++)
		mock.p[i] = (struct pollfd){-1, 0, 0};
	must(sd_bus_open_system(&mock.bus), "open");
	must(sd_bus_add_filter(mock.bus, NULL, on_message, NULL), "filter");
	if (!mode_is("impostor"))
		must(sd_bus_request_name(mock.bus, LOGIN1, 0), "name");
	puts("ready");
	serve();
	(void)sd_bus_flush_close_unref(mock.bus);
	return 0;
}
