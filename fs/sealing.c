/* SPDX-License-Identifier: MIT */
#include "sealing.h"

#include <errno.h>

int sealing_write(struct store *store, struct vault *v,
		  const struct snapshot *s, enum vault_salt salt)
{
	struct source again;
	int err = store_begin(store);

	if (err == 0)
		err = vault_seal(store_sink(store), v, s, salt);
	if (err == 0)
		err = store_reread(store, &again);
	if (err == 0)
		err = vault_verify(v, again);
	/* It is the disk that is at fault, and the vault in place is whole. */
	return err == -EBADMSG ? -EIO : err;
}

/* Seal it into the first file that takes it: 0 or the last error. */
static int put_aside(const struct sealing *s, const struct sealing_job *job)
{
	int err = -ENOENT, more = 0;

	for (unsigned i = 0; err != 0 && more <= 0; i++) {
		struct store *store = NULL;

		more = job->aside->open(job->aside->ctx, i, &store);
		if (more < 0)
			err = more;
		if (more != 0)
			continue;
		err = sealing_write(store, s->vault, &job->snapshot, job->salt);
		if (err == 0)
			err = store_commit(store);
		store_close(store);
	}
	return err;
}

static int save(const struct sealing *s, struct sealing_job *job)
{
	int err = sealing_write(s->store, s->vault, &job->snapshot, job->salt);

	/* A save that keeps no older vault is better than none. */
	if (err == 0)
		(void)history_keep(s->store, &s->history, job->replaced);
	if (err == 0)
		err = store_commit(s->store);
	/* What has taken our place is not ours to overwrite, and what we have
	 * is not to be in memory alone. */
	job->beside = err == -ESTALE && store_commit_beside(s->store) == 0;
	store_abort(s->store);
	return err;
}

static void look(const struct sealing *s, struct sealing_job *job)
{
	int err = store_check(s->store);

	job->err = job->look == SEALING_PLACE ? 0 : -ESTALE;
	job->is_so = err == job->err &&
		     (job->look == SEALING_PLACE || store_is_beside(s->store));
}

void sealing_run(const struct sealing *s, struct sealing_job *job)
{
	if (job->look != SEALING_DO) {
		look(s, job);
		return;
	}
	job->err = job->aside != NULL ? put_aside(s, job) : save(s, job);
	job->sealed_bytes = store_size(s->store);
	job->params = *vault_params(s->vault);
	if (job->err == 0 && job->aside == NULL && job->salt == VAULT_FRESH &&
	    s->stored != NULL)
		s->stored(s->ctx, &job->params);
}
