/* SPDX-License-Identifier: MIT */
#include "logind.h"

#include "libsystemd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BUS	"org.freedesktop.DBus"
#define LOGIN1	"org.freedesktop.login1"
#define OBJECT	"/org/freedesktop/login1"
#define MANAGER LOGIN1 ".Manager"
#define SESSION LOGIN1 ".Session"

#define OF_SESSIONS                                                            \
	"type='signal',sender='" LOGIN1 "',path_namespace='" OBJECT "/session" \
	"',"

enum {
	/* Messages handled before the caller has its turn. */
	AT_ONCE = 64,
};

struct logind {
	const struct libsystemd *sd;
	sd_bus *bus; /* NULL: the connection has ended */
	unsigned wanted;
	logind_fn *fn;
	void *ctx;
	char *owner;   /* the connection that is logind, or NULL */
	uid_t user;    /* whose processes this is among */
	bool by_user;  /* this process is in no session */
	char *session; /* the object of that which it is in, or NULL */
	int inhibitor; /* holds up sleep, or -1 */
	sd_bus_slot *inhibiting, *asking; /* under way: Inhibit, session */
};

/* A user's service manager is in no session, but in the slice of its user. */
static uid_t find_user(const struct libsystemd *sd)
{
	uid_t user;

	if (sd->sd_pid_get_owner_uid(0, &user) >= 0 && user != 0)
		return user;
	return getuid();
}

bool logind_belongs(void)
{
	const struct libsystemd *sd = libsystemd_load();
	char *session = NULL;
	uid_t user;

	if (sd == NULL)
		return false;
	if (sd->sd_pid_get_session(0, &session) >= 0) {
		free(session);
		return true;
	}
	return sd->sd_pid_get_owner_uid(0, &user) >= 0 && user != 0 &&
	       sd->sd_uid_get_sessions(user, 0, NULL) > 0;
}

/*
 * What a match rule says of a sender's name is checked by the bus alone, and
 * that delivers a signal to us alone whatever the rules are.  All else that is
 * in a rule, libsystemd checks once more.
 */
static bool is_from(const struct libsystemd *sd, sd_bus_message *m,
		    const char *name)
{
	const char *sender = sd->sd_bus_message_get_sender(m);

	return sender != NULL && name != NULL && strcmp(sender, name) == 0;
}

/* Is it an answer, not an error, from who is logind now? */
static bool is_answer(const struct logind *l, sd_bus_message *m)
{
	return l->sd->sd_bus_message_is_method_error(m, NULL) == 0 &&
	       is_from(l->sd, m, l->owner);
}

static void drop_slot(const struct logind *l, sd_bus_slot **slot)
{
	if (*slot != NULL)
		(void)l->sd->sd_bus_slot_unref(*slot);
	*slot = NULL;
}

static void let_go(struct logind *l)
{
	if (l->inhibitor >= 0)
		(void)close(l->inhibitor);
	l->inhibitor = -1;
}

/* Hold up sleep */

static int on_inhibited(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
	struct logind *l = ctx;
	int fd;

	(void)error;
	drop_slot(l, &l->inhibiting);
	/* Before we let go of the one of a logind that has been restarted. */
	if (!is_answer(l, m) || l->sd->sd_bus_message_read(m, "h", &fd) <= 0)
		return 0;
	let_go(l);
	l->inhibitor = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return 0;
}

static void inhibit(struct logind *l)
{
	drop_slot(l, &l->inhibiting);
	(void)l->sd->sd_bus_call_method_async(
		l->bus, &l->inhibiting, l->owner, OBJECT, MANAGER, "Inhibit",
		on_inhibited, l, "ssss", "sleep", "tazpod",
		"the vault is being locked", "delay");
}

static int on_sleep(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
	struct logind *l = ctx;
	int begins;

	(void)error;
	if (!is_from(l->sd, m, l->owner) ||
	    l->sd->sd_bus_message_has_signature(m, "b") <= 0 ||
	    l->sd->sd_bus_message_read(m, "b", &begins) <= 0)
		return 0;
	if (begins)
		l->fn(l->ctx, LOGIND_WILL_SLEEP);
	else if (l->inhibitor < 0)
		inhibit(l);
	return 0;
}

/* Sessions */

static int on_session(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
	struct logind *l = ctx;
	const char *path;

	(void)error;
	drop_slot(l, &l->asking);
	if (is_answer(l, m) && l->sd->sd_bus_message_read(m, "o", &path) > 0)
		l->session = strdup(path);
	else
		l->by_user = l->user != 0;
	return 0;
}

/* Process 0 is who asks, in whatever namespace. */
static void ask_session(struct logind *l)
{
	(void)l->sd->sd_bus_call_method_async(
		l->bus, &l->asking, l->owner, OBJECT, MANAGER,
		"GetSessionByPID", on_session, l, "u", (uint32_t)0);
}

static int on_user(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
	const struct logind *l = ctx;
	const char *path;
	uint32_t user;

	(void)error;
	if (is_answer(l, m) &&
	    l->sd->sd_bus_message_read(m, "v", "(uo)", &user, &path) > 0 &&
	    user == l->user)
		l->fn(l->ctx, LOGIND_SESSION_LOCKED);
	return 0;
}

/* The session with that object has been locked: is it ours? */
static void session_locked(struct logind *l, const char *path)
{
	if (l->session != NULL && strcmp(l->session, path) == 0)
		l->fn(l->ctx, LOGIND_SESSION_LOCKED);
	else if (l->by_user)
		(void)l->sd->sd_bus_call_method_async(
			l->bus, NULL, l->owner, path, BUS ".Properties", "Get",
			on_user, l, "ss", SESSION, "User");
}

static int on_lock(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
	struct logind *l = ctx;

	(void)error;
	if (is_from(l->sd, m, l->owner) &&
	    l->sd->sd_bus_message_has_signature(m, "") > 0)
		session_locked(l, l->sd->sd_bus_message_get_path(m));
	return 0;
}

/* The next of the properties in m; *locked if it is that LockedHint is set. */
static bool next_property(const struct libsystemd *sd, sd_bus_message *m,
			  bool *locked)
{
	const char *name;
	int hint = 0;

	if (sd->sd_bus_message_enter_container(m, 'e', "sv") <= 0 ||
	    sd->sd_bus_message_read(m, "s", &name) <= 0)
		return false;
	if (strcmp(name, "LockedHint") != 0) {
		if (sd->sd_bus_message_skip(m, "v") < 0)
			return false;
	} else if (sd->sd_bus_message_read(m, "v", "b", &hint) <= 0) {
		return false;
	}
	*locked = *locked || hint != 0;
	return sd->sd_bus_message_exit_container(m) >= 0;
}

static int on_changed(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
	struct logind *l = ctx;
	const struct libsystemd *sd = l->sd;
	bool locked = false;

	(void)error;
	if (!is_from(sd, m, l->owner) ||
	    sd->sd_bus_message_has_signature(m, "sa{sv}as") <= 0 ||
	    sd->sd_bus_message_skip(m, "s") < 0 ||
	    sd->sd_bus_message_enter_container(m, 'a', "{sv}") <= 0)
		return 0;
	while (next_property(sd, m, &locked))
		;
	if (locked)
		session_locked(l, sd->sd_bus_message_get_path(m));
	return 0;
}

/* Who is logind */

/* An inhibitor outlives the logind that gave it, until there is a new one. */
static void set_owner(struct logind *l, const char *name)
{
	drop_slot(l, &l->inhibiting);
	drop_slot(l, &l->asking);
	free(l->session);
	free(l->owner);
	l->session = NULL;
	l->by_user = false;
	l->owner = *name != '\0' ? strdup(name) : NULL;
	if (l->owner == NULL)
		return;
	if (l->wanted & LOGIND_SUSPEND)
		inhibit(l);
	if (l->wanted & LOGIND_SESSION)
		ask_session(l);
}

static int on_owner(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
	struct logind *l = ctx;
	const char *name;

	(void)error;
	if (l->sd->sd_bus_message_is_method_error(m, NULL) == 0 &&
	    is_from(l->sd, m, BUS) &&
	    l->sd->sd_bus_message_read(m, "s", &name) > 0)
		set_owner(l, name);
	return 0;
}

static int on_owner_changed(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
	struct logind *l = ctx;
	const char *name, *old, *new;

	(void)error;
	if (is_from(l->sd, m, BUS) &&
	    l->sd->sd_bus_message_has_signature(m, "sss") > 0 &&
	    l->sd->sd_bus_message_read(m, "sss", &name, &old, &new) > 0)
		set_owner(l, new);
	return 0;
}

/* The connection */

struct rule {
	unsigned wanted; /* for which of these; 0: always */
	sd_bus_message_handler_t fn;
	const char *text;
};

static const struct rule rules[] = {
	{0, on_owner_changed,
	 "type='signal',sender='" BUS "',interface='" BUS "',"
	 "member='NameOwnerChanged',path='/org/freedesktop/DBus',"
	 "arg0='" LOGIN1 "'"},
	{LOGIND_SUSPEND, on_sleep,
	 "type='signal',sender='" LOGIN1 "',interface='" MANAGER "',"
	 "member='PrepareForSleep',path='" OBJECT "'"},
	{LOGIND_SESSION, on_lock,
	 OF_SESSIONS "interface='" SESSION "',member='Lock'"},
	{LOGIND_SESSION, on_changed,
	 OF_SESSIONS "interface='" BUS ".Properties',"
		     "member='PropertiesChanged',arg0='" SESSION "'"},
};

/* The rules first, so that nothing happens between them and the question. */
static int subscribe(struct logind *l)
{
	int err = 0;

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (err >= 0 && (rules[i].wanted == 0 ||
				 (rules[i].wanted & l->wanted) != 0))
			err = l->sd->sd_bus_add_match_async(
				l->bus, NULL, rules[i].text, rules[i].fn, NULL,
				l);
	if (err >= 0)
		err = l->sd->sd_bus_call_method_async(
			l->bus, NULL, BUS, "/org/freedesktop/DBus", BUS,
			"GetNameOwner", on_owner, l, "s", LOGIN1);
	return err < 0 ? err : 0;
}

static int connect_bus(struct logind *l)
{
	int err = l->sd->sd_bus_open_system(&l->bus);

	if (err >= 0)
		err = l->sd->sd_bus_set_method_call_timeout(
			l->bus, LOGIND_SECONDS * UINT64_C(1000000));
	return err >= 0 ? subscribe(l) : err;
}

int logind_new(struct logind **ret, unsigned wanted, logind_fn *fn, void *ctx)
{
	const struct libsystemd *sd = libsystemd_load();
	struct logind *l;
	int err;

	if (sd == NULL)
		return -ENOENT;
	l = calloc(1, sizeof(*l));
	if (l == NULL)
		return -ENOMEM;
	*l = (struct logind){.sd = sd,
			     .wanted = wanted,
			     .fn = fn,
			     .ctx = ctx,
			     .user = find_user(sd),
			     .inhibitor = -1};
	err = connect_bus(l);
	if (err == 0)
		*ret = l;
	else
		logind_free(l);
	return err;
}

/* Nothing more is heard, and so nothing held up. */
static void disconnect(struct logind *l)
{
	drop_slot(l, &l->inhibiting);
	drop_slot(l, &l->asking);
	let_go(l);
	if (l->bus != NULL)
		(void)l->sd->sd_bus_close_unref(l->bus);
	l->bus = NULL;
}

int logind_fd(const struct logind *l)
{
	int fd = l->bus != NULL ? l->sd->sd_bus_get_fd(l->bus) : -1;

	return fd >= 0 ? fd : -1;
}

int logind_events(const struct logind *l)
{
	int events = l->bus != NULL ? l->sd->sd_bus_get_events(l->bus) : 0;

	return events >= 0 ? events : 0;
}

int logind_timeout_ms(const struct logind *l)
{
	struct timespec now;
	uint64_t until, now_us, ms;

	if (l->bus == NULL)
		return -1;
	/* Of a connection that has just failed, logind_process() learns. */
	if (l->sd->sd_bus_get_timeout(l->bus, &until) < 0)
		return 0;
	if (until == UINT64_MAX)
		return -1;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	now_us = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
	ms = until > now_us ? (until - now_us + 999) / 1000 : 0;
	return ms < INT_MAX ? (int)ms : INT_MAX;
}

void logind_process(struct logind *l)
{
	int more = 1;

	for (int i = 0; l->bus != NULL && more > 0 && i < AT_ONCE; i++)
		more = l->sd->sd_bus_process(l->bus, NULL);
	if (more < 0)
		disconnect(l);
}

bool logind_holds_sleep(const struct logind *l)
{
	return l->inhibitor >= 0;
}

void logind_release_sleep(struct logind *l)
{
	/* One that is on its way would hold it up, too. */
	drop_slot(l, &l->inhibiting);
	let_go(l);
}

void logind_free(struct logind *l)
{
	if (l == NULL)
		return;
	disconnect(l);
	free(l->owner);
	free(l->session);
	free(l);
}
