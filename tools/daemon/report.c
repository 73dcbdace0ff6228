/* SPDX-License-Identifier: MIT */
#include "report.h"

#include "crypto/mem.h"
#include "fs/cold.h"
#include "program.h"
#include "sandbox.h"
#include "tools/machine/machine.h"

#include <unistd.h>

/* A path as one line: control characters and backslashes as \ooo. */
static void print_path(FILE *out, const char *key, const char *path)
{
	(void)fprintf(out, "%s=", key);
	for (; *path != '\0'; path++) {
		unsigned char c = (unsigned char)*path;

		if (c < ' ' || c == '\\' || c == 0x7f)
			(void)fprintf(out, "\\%03o", c);
		else
			(void)fputc(c, out);
	}
	(void)fputc('\n', out);
}

void report_print(FILE *out, const struct report *r)
{
	print_path(out, "vault", r->vault);
	print_path(out, "mount", r->dir);
	(void)fprintf(out, "rung=%s\nswap=%s\nallow_other=%d\n", r->rung,
		      machine_swap_is_on() ? "on" : "off", r->allow_other);
	(void)fprintf(out, "own_namespace=%d\n", r->own_namespace);
	(void)fprintf(out, "pid=%d\n", getpid());
	(void)fprintf(out, "replaced=%d\n", program_is_replaced());
	(void)fprintf(out, "format=%d\n", r->saver.params.format);
	(void)fprintf(out, "generation=%llu\n",
		      (unsigned long long)r->saver.params.generation);
	(void)fprintf(out, "sealed_ns=%llu\n",
		      (unsigned long long)r->saver.params.time_ns);
	(void)fprintf(out, "read_only=%d\n", r->read_only);
	(void)fprintf(out, "dirty=%d\n", r->saver.dirty);
	(void)fprintf(out, "sealing=%d\n", r->saver.busy);
	(void)fprintf(out, "disk_ms=%llu\n",
		      (unsigned long long)r->saver.disk_ms);
	(void)fprintf(out, "last_error=%d\n", -r->saver.error);
	(void)fprintf(out, "used_bytes=%llu\nlimit_bytes=%llu\n",
		      (unsigned long long)r->usage.used.bytes,
		      (unsigned long long)r->usage.limit.bytes);
	(void)fprintf(out, "files=%llu\nfolders=%llu\nlimit_inodes=%llu\n",
		      (unsigned long long)r->usage.files,
		      (unsigned long long)r->usage.folders - 1, /* the root */
		      (unsigned long long)r->usage.limit.nodes);
	(void)fprintf(out, "locked_bytes=%zu\n", mem_locked());
	(void)fprintf(out, "secret_bytes=%zu\n", mem_usage().secret);
	(void)fprintf(out, "encrypted_bytes=%zu\n", cold_usage().cold);
	(void)fprintf(out, "requests=%llu\n", (unsigned long long)r->requests);
	(void)fprintf(out, "skipped=%llu\n",
		      (unsigned long long)r->saver.skipped);
	sandbox_print(out);
}
