/* SPDX-License-Identifier: MIT */
#include "libsystemd.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define CALL(name) {#name, offsetof(struct libsystemd, name)},

static const struct {
	const char *name;
	size_t at;
} calls[] = {LIBSYSTEMD_CALLS(CALL)};

static bool find_all(struct libsystemd *to, void *library)
{
	void *found;

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		found = dlsym(library, calls[i].name);
		if (found == NULL)
			return false;
		/* C has no cast from an object's pointer to a function's. */
		memcpy((char *)to + calls[i].at, &found, sizeof(found));
	}
	return true;
}

const struct libsystemd *libsystemd_load(void)
{
	static struct libsystemd loaded;
	static bool is_loaded;
	void *library;

	if (is_loaded)
		return &loaded;
	library = dlopen("libsystemd.so.0", RTLD_NOW | RTLD_LOCAL);
	if (library == NULL)
		return NULL;
	is_loaded = find_all(&loaded, library);
	if (!is_loaded)
		(void)dlclose(library);
	return is_loaded ? &loaded : NULL;
}
