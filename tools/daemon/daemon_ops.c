/* SPDX-License-Identifier: MIT */
/* What a daemon answers to those who ask through its control socket. */
#include "daemon_impl.h"

#include "crypto/mem.h"
#include "report.h"
#include "tools/mounts/mounts.h"

#include <errno.h>
#include <stdlib.h>

/* Have the kernel hand over what it has gathered. */
static void flush_kernel(struct daemon *d, flush_fn *fn, void *fn_ctx)
{
	char *dir = NULL;
	int err = mounts_find(&dir, d->mount_id);

	/* What has been detached or covered cannot be asked by its path. */
	if (err == 0)
		flush_start(d->loop, dir, d->dev, fn, fn_ctx);
	else
		fn(fn_ctx, err == -ENOMEM ? err : 0);
	free(dir);
}

void daemon_flush(void *ctx, flush_fn *fn, void *fn_ctx)
{
	struct daemon *d = ctx;
	/* Where names fill all that may be locked, this must be possible. */
	enum mem_pool before = mem_use(MEM_RESERVE);

	if (d->saver == NULL)
		fn(fn_ctx, 0);
	else if (!backend_flush(d->backend, fn, fn_ctx))
		flush_kernel(d, fn, fn_ctx);
	(void)mem_use(before);
}

/* A save that somebody waits for. */
struct save {
	struct daemon *daemon;
	struct control_request *request;
};

static void reply_save(void *ctx, int err)
{
	struct save *save = ctx;

	control_reply(save->request, err);
	free(save);
}

static void on_flushed(void *ctx, int err)
{
	struct save *save = ctx;

	if (err == 0)
		err = saver_request(save->daemon->saver, VAULT_FRESH,
				    reply_save, save);
	if (err != 0)
		reply_save(save, err);
}

static void do_save(void *ctx, struct control_request *r)
{
	struct daemon *d = ctx;
	struct save *save = d->saver != NULL ? malloc(sizeof(*save)) : NULL;

	if (save == NULL) {
		control_reply(r, d->saver != NULL ? -ENOMEM : -ENOTSUP);
		return;
	}
	*save = (struct save){d, r};
	daemon_flush(d, on_flushed, save);
}

/* Is something mounted in or over it, which would be left over nothing? */
static bool is_blocked(const struct daemon *d)
{
	char *dir = NULL;
	int err;

	/* Its number may be another mount's. */
	if (!mounts_have(d->mount_id, d->dev))
		return false;
	err = mounts_find(&dir, d->mount_id);
	free(dir);
	return err == -EBUSY || mounts_is_busy(d->mount_id, d->dev);
}

static void do_lock(void *ctx, struct control_request *r)
{
	struct daemon *d = ctx;

	if (is_blocked(d))
		control_reply(r, -EBUSY);
	else
		ending_lock(d->ending, r);
}

static void do_discard(void *ctx, struct control_request *r)
{
	struct daemon *d = ctx;

	if (is_blocked(d))
		control_reply(r, -EBUSY);
	else
		ending_discard(d->ending, r);
}

static int do_lease(void *ctx, int process, int terminal)
{
	return daemon_auto_lease(ctx, process, terminal);
}

static void do_status(void *ctx, FILE *out)
{
	const struct daemon *d = ctx;
	struct report r = {
		.vault = store_path(d->vault.store),
		.dir = d->parts->dir,
		.rung = rung_name(d->rung),
		.allow_other = d->parts->options->allow_other,
		.own_namespace = d->parts->options->is_private,
		.read_only = d->saver == NULL,
		.usage = tree_usage(d->tree),
		.requests = backend_requests(d->backend),
	};

	/* With a saver, the vault itself belongs to the saver's thread. */
	if (d->saver != NULL)
		r.saver = saver_state(d->saver);
	else
		r.saver.params = *vault_params(d->vault.vault);
	r.saver.dirty = r.saver.dirty || backend_is_behind(d->backend);
	if (r.saver.error == 0)
		r.saver.error = backend_error(d->backend);
	report_print(out, &r);
	daemon_auto_print(d, out);
}

struct control_ops daemon_ops(struct daemon *d)
{
	return (struct control_ops){
		.status = do_status,
		.save = do_save,
		.lock = do_lock,
		.discard = do_discard,
		.lease = do_lease,
		.ctx = d,
	};
}
