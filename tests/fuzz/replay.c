/* SPDX-License-Identifier: MIT */
/*
 * A main for a fuzz target where there is no libFuzzer: it feeds the target
 * each file named on the command line, and each file of a folder named there.
 */
#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static unsigned inputs, failures;

/*
 * A copy of the file at path that ends where its memory ends, so that a read
 * past it is seen.  NULL on any error.
 */
static uint8_t *slurp(const char *path, size_t len)
{
	FILE *f = fopen(path, "rbe");
	uint8_t *data = NULL;

	if (f == NULL)
		return NULL;
	data = malloc(len > 0 ? len : 1);
	if (data != NULL && fread(data, 1, len, f) != len) {
		free(data);
		data = NULL;
	}
	(void)fclose(f);
	return data;
}

static void replay(const char *path, size_t len)
{
	uint8_t *data = slurp(path, len);

	inputs++;
	/* Said before, so that the last one named is the one that crashed. */
	(void)printf("# %s\n", path);
	(void)fflush(stdout);
	if (data == NULL) {
		failures++;
		(void)printf("not ok %u - cannot read %s\n", inputs, path);
		return;
	}
	(void)LLVMFuzzerTestOneInput(data, len);
	free(data);
	(void)printf("ok %u - %s\n", inputs, path);
}

static int not_hidden(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

/* Replay a file, or the files of a folder, in the order of their names. */
static bool replay_path(const char *path, bool enter)
{
	struct dirent **names;
	struct stat st;
	bool found = false;
	int n;

	if (stat(path, &st) != 0)
		return false;
	if (S_ISREG(st.st_mode)) {
		replay(path, (size_t)st.st_size);
		return true;
	}
	if (!enter || !S_ISDIR(st.st_mode))
		return false;
	n = scandir(path, &names, not_hidden, alphasort);
	for (int i = 0; i < n; i++) {
		char file[PATH_MAX];
		int len = snprintf(file, sizeof(file), "%s/%s", path,
				   names[i]->d_name);

		if (len > 0 && (size_t)len < sizeof(file))
			found = replay_path(file, false) || found;
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	return found;
}

int main(int argc, char *argv[])
{
	for (int i = 1; i < argc; i++) {
		if (!replay_path(argv[i], true)) {
			inputs++;
			failures++;
			(void)printf("not ok %u - no input at %s\n", inputs,
				     argv[i]);
		}
	}
	if (inputs == 0) {
		inputs++;
		failures++;
		(void)printf("not ok 1 - no input\n");
	}
	(void)printf("1..%u\n", inputs);
	return failures == 0 && fflush(stdout) == 0 ? 0 : 1;
}
