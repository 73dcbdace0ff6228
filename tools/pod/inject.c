/* SPDX-License-Identifier: MIT */
/* New programs for a pod that runs. */
#include "pod.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const programs[] = {"tazpod", "tazpodfs", "mount.tazpodfs",
				       "umount.tazpodfs"};
enum { PROGRAMS = sizeof(programs) / sizeof(programs[0]) };

/*
 * In the pod: under names of their own they are tried, and only then renamed
 * over those that may be running.
 */
static const char swap[] =
	"cd /usr/local/bin || exit 1\n"
	"new='.tazpod.new .tazpodfs.new .mount.tazpodfs.new "
	".umount.tazpodfs.new'\n"
	"chown 0:0 $new && chmod 755 $new &&\n"
	"./.tazpod.new --version >/dev/null &&\n"
	"./.tazpodfs.new --version >/dev/null || { rm -f $new; exit 1; }\n"
	"for file in $new; do\n"
	"	to=${file#.}\n"
	"	mv -f \"$file\" \"${to%.new}\" || exit 1\n"
	"done\n";

/* The folder of this program, with room for more names. */
static bool find_own(char dir[static PATH_MAX])
{
	const ssize_t n = readlink("/proc/self/exe", dir, PATH_MAX - 1);
	char *slash;

	if (n <= 0)
		return false;
	dir[n] = '\0';
	slash = strrchr(dir, '/');
	*slash = '\0';
	return true;
}

static enum exit_code copy(const struct pod *p, const char *dir,
			   const char *program)
{
	struct args a = engine_command(&p->engine, "cp");

	args_format(&a, "%s/%s", dir, program);
	args_format(&a, "%s:/usr/local/bin/.%s.new", p->name, program);
	if (engine_run(&a, NULL) == ENGINE_DONE)
		return EXIT_DONE;
	return msg_fail(EXIT_FAILED,
			"%s/%s: cannot be copied into %s; %s has said why "
			"above; its programs are as they were",
			dir, program, p->name, p->engine.name);
}

enum exit_code pod_inject(const struct pod *p)
{
	enum exit_code code = EXIT_DONE;
	char dir[PATH_MAX];
	struct args a;

	if (!find_own(dir))
		return msg_fail(EXIT_FAILED,
				"/proc: does not tell where this program is");
	for (size_t i = 0; i < PROGRAMS && code == EXIT_DONE; i++)
		code = copy(p, dir, programs[i]);
	if (code != EXIT_DONE)
		return code;
	a = pod_exec(p, "0");
	args_add(&a, "sh");
	args_add(&a, "-c");
	args_add(&a, swap);
	if (engine_run(&a, NULL) != ENGINE_DONE)
		return msg_fail(EXIT_FAILED,
				"%s: the programs of %s do not run there, as "
				"said above; its own are as they were",
				p->name, dir);
	return EXIT_DONE;
}
