/* SPDX-License-Identifier: MIT */
#ifndef TZ_CONFIG_H
#define TZ_CONFIG_H

/* A project's .tazpod/config.yaml, whose keys docs/CONFIG.md lists. */

#include "tools/msg.h"
#include "yaml.h"

#include <stdbool.h>
#include <stddef.h>

/* In the environment of all that runs in a pod: its name. */
#define CONFIG_POD_VARIABLE "TAZPOD_POD"

/* The image that tools/image makes, which is the default. */
#define CONFIG_IMAGE "localhost/tazpod"

/* What the container gets beyond an engine's default. */
enum {
	CONFIG_GRANT_FUSE = 1,	    /* /dev/fuse */
	CONFIG_GRANT_SYS_ADMIN = 2, /* CAP_SYS_ADMIN */
	CONFIG_GRANT_IPC_LOCK = 4,  /* CAP_IPC_LOCK */
	CONFIG_GRANT_USERNS = 8,    /* user namespaces in it */
};

enum {
	CONFIG_NAME_MAX = 128,	 /* bytes of a container's name */
	CONFIG_FOLDER_MAX = 255, /* ... of a bridge's or memory's */
	CONFIG_FORERUNNER = 9,	 /* keys of which nothing comes */
};

/*
 * Strings and lists are the config's, for reading alone: some are not on the
 * heap.  Lists end with NULL and are never NULL themselves.
 */
struct config {
	char *image, *user;
	char *container_name; /* or NULL */
	char *engine;	      /* "podman", "docker" or NULL */
	char *mount;	      /* absolute, or begins with "~/", or NULL */
	bool is_private;
	unsigned grant;		  /* CONFIG_GRANT_... */
	char **bridges, **memory; /* relative to the home, as "a/b" */
	char **run_options;
	char **unused; /* the forerunner's keys, of which nothing comes */
	unsigned unused_lines[CONFIG_FORERUNNER]; /* ... and where they are */
};

/* Set the defaults, which are what a project without the file has. */
void config_init(struct config *c);

/* Free what it holds and set the defaults again. */
void config_free(struct config *c);

/*
 * Parse the text of a file, with defaults for what is not in it.  *ret need not
 * be initialized and is written on success alone; config_free() frees it then.
 * 0, or with *e written -EINVAL for what is wrong or -ENOMEM.
 */
int config_parse(struct config *ret, const char *text, size_t len,
		 struct yaml_error *e);

/*
 * Read the file at path; if there is none, *ret has the defaults.  The file
 * must be regular, the effective user's or root's, and for its owner alone to
 * write; for root it may be that of who has become root by sudo(8), or in a pod
 * anybody's.  *ret need not be initialized and is written on EXIT_DONE alone;
 * config_free() frees it then.
 *
 * EXIT_DONE, or, said, EXIT_USAGE for what is wrong with the file and
 * EXIT_FAILED if it cannot be read.
 */
enum exit_code config_read(struct config *ret, const char *path);

/* Say for each of c->unused that nothing comes of it.  path was read. */
void config_say_unused(const struct config *c, const char *path);

#endif
