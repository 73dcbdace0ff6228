/* SPDX-License-Identifier: MIT */
/*
 * The kernel's copies: to be dropped, and at the end of a mount overwritten
 * before.  What is to be done is put into a list under the loop's lock; a
 * thread then sends one notification after the other, and knows nothing but
 * that list and a descriptor of its own.  They go around libfuse, whose session
 * belongs to the thread that serves, and which must go on doing so: the kernel
 * may wait for an answer to it before it takes a notification.
 */
#include "fuse_ops.h"

#include "crypto/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#ifndef FUSE_NOTIFY_INC_EPOCH /* Linux 6.16: an enum, later than our headers   \
			       */
#define FUSE_NOTIFY_INC_EPOCH 8
#endif

enum {
	SECONDS = 10,
	PIECE = 128 << 10,
	/* Of a file, what was refused and is beyond its end. */
	REFUSED_MAX = 64 << 20,
};

/* Bytes of a node to be overwritten; none: drop it. */
struct step {
	uint64_t ino, off, len;
};

/* The loop and the thread each leave once; the last one releases it. */
struct scrub {
	struct mount *mount; /* the loop's; the thread may outlive it */
	struct scrub *next;  /* of those that only drop */
	struct loop *loop;
	backend_fn *fn;
	void *ctx;
	struct step *steps;
	size_t count, room;
	int fd;	     /* the thread's own, of the FUSE device */
	int timer;   /* runs when the time is up, or the thread is done */
	bool is_end; /* of the mount: overwrite what can be */
	atomic_bool left;
	atomic_bool hurry;   /* leave out the rest */
	atomic_bool is_done; /* the thread has no descriptor any more */
};

void fuse_scrub_note(struct node *n, uint64_t off, uint64_t len)
{
	struct node_span *s = &n->cached;
	const uint64_t end = off + len;

	if (s->from == s->to) {
		*s = (struct node_span){off, end};
		return;
	}
	if (off < s->from)
		s->from = off;
	if (end > s->to)
		s->to = end;
}

void fuse_scrub_trim(struct node *n, uint64_t size)
{
	if (n->cached.to > size)
		n->cached.to = size;
	if (n->cached.from > n->cached.to)
		n->cached.from = n->cached.to;
}

static void release(struct scrub *s)
{
	if (s->fd >= 0)
		(void)close(s->fd);
	if (s->timer >= 0)
		(void)close(s->timer);
	mem_free(s->steps);
	mem_free(s);
}

/* False: there is no memory.  Numbers are not secret: it need not be locked. */
static bool add(struct scrub *s, uint64_t ino, uint64_t off, uint64_t len)
{
	if (s->count == s->room) {
		size_t room = s->room == 0 ? 64 : s->room * 2;
		struct step *steps =
			mem_alloc_in(MEM_PLAIN, room * sizeof(*steps));

		if (steps == NULL)
			return false;
		if (s->count > 0)
			memcpy(steps, s->steps, s->count * sizeof(*steps));
		mem_free(s->steps);
		s->steps = steps;
		s->room = room;
	}
	s->steps[s->count++] = (struct step){ino, off, len};
	return true;
}

/*
 * What the kernel may have of a file.  Of holes it has zeros already, and to
 * store more of them would fill memory for nothing.
 */
static bool add_file(struct scrub *s, const struct node *n)
{
	const uint64_t size = n->attr.size, to = n->cached.to;
	const uint64_t end = to < size ? to : size;
	uint64_t off = n->cached.from, next, beyond;

	while (off < end && (off = body_next_data(&n->body, off)) < end) {
		next = body_next_hole(&n->body, off, end);
		if (!add(s, n->ino, off, next - off))
			return false;
		off = next;
	}
	if (to <= size)
		return true;
	off = n->cached.from > size ? n->cached.from : size;
	beyond = to - off;
	return add(s, n->ino, off, beyond < REFUSED_MAX ? beyond : REFUSED_MAX);
}

/*
 * The kernel keeps a listing as it got it, but that no name goes across pages.
 * Where they are larger than the smallest, this is more than it takes.
 */
static uint64_t listing_size(const struct node *dir)
{
	enum {
		DOTS = 2 * FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + 2),
		PAGE = 4096
	};
	const struct entry *e = dir_next(&dir->dir, DIR_FIRST);
	uint64_t size = DOTS;

	for (; e != NULL; e = dir_next(&dir->dir, e->cookie)) {
		const size_t len =
			FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + strlen(e->name));

		if (size % PAGE + len > PAGE)
			size += PAGE - size % PAGE;
		size += len;
	}
	return size;
}

/* False: there is no memory. */
static bool add_node(struct scrub *s, const struct node *n)
{
	bool fits = true;

	if (n->lookups == 0 && n->ino != TREE_ROOT)
		return true;
	if (!s->is_end)
		return add(s, n->ino, 0, 0);
	if (S_ISREG(n->attr.mode))
		fits = add_file(s, n);
	else if (S_ISDIR(n->attr.mode) && n->cached.to > 0)
		fits = add(s, n->ino, 0, listing_size(n));
	else if (n->cached.to > 0)
		fits = add(s, n->ino, 0, n->cached.to);
	return fits && add(s, n->ino, 0, 0);
}

/*
 * Tell the kernel; body is followed by so many zeros.  An error is of no use:
 * it does not know the node any more, or there is no mount.
 */
static void notify(const struct scrub *s, int code, const struct iovec *body,
		   size_t zeros)
{
	static uint8_t zero[PIECE];
	struct fuse_out_header out = {.error = code};
	const struct iovec iov[] = {{&out, sizeof(out)}, *body, {zero, zeros}};

	out.len = (uint32_t)(sizeof(out) + body->iov_len + zeros);
	(void)!writev(s->fd, iov, 3);
}

static bool goes_on(const struct scrub *s)
{
	return !atomic_load(&s->left) && !atomic_load(&s->hurry);
}

static void overwrite(struct scrub *s, const struct step *step)
{
	uint64_t done = 0;

	while (done < step->len && goes_on(s)) {
		const uint64_t rest = step->len - done;
		struct fuse_notify_store_out store = {
			.nodeid = step->ino,
			.offset = step->off + done,
			.size = rest < PIECE ? (uint32_t)rest : PIECE,
		};

		notify(s, FUSE_NOTIFY_STORE,
		       &(struct iovec){&store, sizeof(store)}, store.size);
		done += store.size;
	}
}

static void drop(struct scrub *s, const struct step *step)
{
	struct fuse_notify_inval_inode_out inval = {.ino = step->ino};

	notify(s, FUSE_NOTIFY_INVAL_INODE,
	       &(struct iovec){&inval, sizeof(inval)}, 0);
}

static void *run(void *ctx)
{
	const struct itimerspec now = {.it_value = {0, 1}};
	struct scrub *s = ctx;

	if (s->is_end)
		notify(s, FUSE_NOTIFY_INC_EPOCH, &(struct iovec){NULL, 0}, 0);
	for (size_t i = 0; i < s->count && goes_on(s); i++)
		if (s->steps[i].len > 0)
			overwrite(s, &s->steps[i]);
		else
			drop(s, &s->steps[i]);
	/* Before the end goes on: it keeps the connection. */
	(void)close(s->fd);
	s->fd = -1;
	atomic_store(&s->is_done, true);
	(void)timerfd_settime(s->timer, 0, &now, NULL);
	if (atomic_exchange(&s->left, true))
		release(s);
	return NULL;
}

/* It has ended, for the loop. */
static void strike(const struct scrub *s)
{
	struct scrub **at = &s->mount->drops;

	while (*at != NULL && *at != s)
		at = &(*at)->next;
	if (*at != NULL)
		*at = s->next;
}

static void on_timer(void *ctx, int fd)
{
	struct scrub *s = ctx;
	backend_fn *fn = s->fn;
	void *fn_ctx = s->ctx;

	loop_remove(s->loop, fd);
	strike(s);
	if (atomic_exchange(&s->left, true))
		release(s);
	fn(fn_ctx);
}

/* Start the thread and the timer.  0, or -errno and there is neither. */
static int start(struct scrub *s)
{
	const struct itimerspec most = {.it_value = {SECONDS, 0}};
	pthread_t thread;
	int err;

	s->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (s->timer < 0 || timerfd_settime(s->timer, 0, &most, NULL) != 0)
		return -errno;
	err = loop_add(s->loop, s->timer, on_timer, s);
	if (err != 0)
		return err;
	err = -pthread_create(&thread, NULL, run, s);
	if (err == 0)
		(void)pthread_detach(thread);
	else
		loop_remove(s->loop, s->timer);
	return err;
}

/* Do it for all that the kernel may know.  0 or -errno. */
static int begin(struct mount *m, bool is_end, backend_fn *fn, void *ctx)
{
	struct scrub *s = mem_alloc_in(MEM_PLAIN, sizeof(*s));
	struct node *n = tree_next(m->parts.tree, TREE_ROOT);
	int err = 0;

	if (s == NULL)
		return -ENOMEM;
	s->mount = m;
	s->loop = m->parts.loop;
	s->fn = fn;
	s->ctx = ctx;
	s->timer = -1;
	s->is_end = is_end;
	s->fd = fcntl(fuse_session_fd(m->session), F_DUPFD_CLOEXEC, 0);
	if (s->fd < 0)
		err = -errno;
	for (; err == 0 && n != NULL; n = tree_next(m->parts.tree, n->ino + 1))
		err = add_node(s, n) ? 0 : -ENOMEM;
	if (err == 0)
		err = start(s);
	if (err != 0) {
		release(s);
	} else if (!is_end) {
		s->next = m->drops;
		m->drops = s;
	}
	return err;
}

static void hurry(struct scrub *s)
{
	const struct timespec pause = {.tv_nsec = 1000000};

	loop_remove(s->loop, s->timer);
	atomic_store(&s->hurry, true);
	for (int ms = 0; ms < SECONDS * 1000 && !atomic_load(&s->is_done); ms++)
		(void)nanosleep(&pause, NULL);
	if (atomic_exchange(&s->left, true))
		release(s);
}

void fuse_scrub_stop(struct mount *m)
{
	while (m->drops != NULL) {
		struct scrub *s = m->drops;

		m->drops = s->next;
		hurry(s);
	}
}

int fuse_scrub_drop(struct mount *m, backend_fn *fn, void *ctx)
{
	return begin(m, false, fn, ctx);
}

int fuse_scrub_all(struct mount *m, backend_fn *fn, void *ctx)
{
	return begin(m, true, fn, ctx);
}
