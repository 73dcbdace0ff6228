/* SPDX-License-Identifier: MIT */
/* Vaults to begin with, and the folders that they are in. */
#include "kdf.h"
#include "version.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FIRST_FOLDER = 100 }; /* no worker has this number */

static char vaults_folder[PATH_MAX];
static char passphrase[256];
static size_t passphrase_len;

struct secret version_passphrase(void)
{
	struct secret s = {0};

	if (secret_alloc(&s, passphrase_len) != 0)
		broken("no memory for a passphrase");
	memcpy(s.data, passphrase, s.len);
	return s;
}

const char *version_path(const char *name)
{
	static char paths[8][PATH_MAX + NAME_MAX + 2];
	static unsigned next;
	char *path = paths[next++ % COUNT(paths)];

	(void)snprintf(path, sizeof(paths[0]), "%s/%s", scene_folder, name);
	return path;
}

static struct blob slurp(const char *path)
{
	FILE *f = fopen(path, "rbe");
	struct blob b = {blob_alloc(VERSION_LIMIT), 0};

	if (f == NULL || b.data == NULL)
		broken("%s: %s", path, strerror(errno));
	b.len = fread(b.data, 1, VERSION_LIMIT, f);
	(void)fclose(f);
	return b;
}

static void spill(const char *path, const struct blob *b)
{
	FILE *f = fopen(path, "wbe");

	if (f == NULL || fwrite(b->data, 1, b->len, f) != b->len ||
	    fclose(f) != 0)
		broken("%s: %s", path, strerror(errno));
}

struct blob version_file(const char *name)
{
	char path[PATH_MAX + NAME_MAX + 2];

	if (name[0] == '/')
		return slurp(name);
	(void)snprintf(path, sizeof(path), "%s/%s", vaults_folder, name);
	return slurp(path);
}

void scene_empty(const char *folder)
{
	char path[PATH_MAX + NAME_MAX + 2];
	DIR *d = opendir(folder);
	const struct dirent *e;

	if (d == NULL)
		broken("%s: %s", folder, strerror(errno));
	while ((e = readdir(d)) != NULL) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
		if (e->d_type == DT_REG)
			(void)unlink(path);
	}
	(void)closedir(d);
}

/* What has to be there before anything is done. */
static struct standing standing_of(const struct scene *scene)
{
	if (scene->vault == NULL)
		return (struct standing){.place = {1, 0}, .may_be_gone = true};
	if (strcmp(scene->vault, VAULT_GO) == 0)
		return (struct standing){.place = {0, 0}};
	return (struct standing){.place = {1, 1}};
}

void scene_begin(const struct scene *scene)
{
	struct blob b;

	stage->standing = standing_of(scene);
	stage->broken[0] = '\0';
	scene_empty(scene_folder);
	if (scene->vault == NULL)
		return;
	b = version_file(scene->vault);
	spill(version_path("v"), &b);
	blob_free(&b);
}

/* The vault that a session makes in the empty folder becomes a file. */
static void make(const char *name, unsigned version, bool big)
{
	static const struct scene none = {.name = "none"};
	char path[PATH_MAX + NAME_MAX + 2];
	const struct tree_birth birth = {.attr = {.mode = S_IFREG | 0600}};
	struct session s;
	struct node *n = NULL;

	session_open(&s, &none);
	if (big && tree_create(&n, s.tree, tree_node(s.tree, TREE_ROOT), "big",
			       &birth) != 0)
		broken("no memory for a file");
	session_save(&s, version);
	session_close(&s);
	(void)snprintf(path, sizeof(path), "%s/%s", vaults_folder, name);
	if (rename(version_path("v"), path) != 0)
		broken("%s: %s", path, strerror(errno));
}

static void make_all(const struct scene *scene)
{
	struct blob go = version_file(VAULT_GO);

	(void)scene;
	make(VAULT_SMALL, 1, false);
	make(VAULT_BIG, 1, true);
	make(VAULT_FOREIGN, VERSION_FOREIGN, false);
	make(VAULT_RESTORED, VERSION_RESTORED, false);
	/* From here on its key is known. */
	if (version_of(&go, VAULT_GO) != 0)
		broken("the Go program's vault has a version");
	blob_free(&go);
}

int scene_use(unsigned n)
{
	if (snprintf(scene_folder, sizeof(scene_folder), "%s/%u", vaults_folder,
		     n) >= (int)sizeof(scene_folder))
		return -1;
	stage = mmap(NULL, sizeof(*stage), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (stage == MAP_FAILED)
		return -1;
	return mkdir(scene_folder, 0700) == 0 || errno == EEXIST ? 0 : -1;
}

/* The vault of the original program, and its passphrase for all others. */
static int take_go(void)
{
	char path[PATH_MAX + NAME_MAX + 2];
	struct blob b = slurp("tests/data/go/go-unicode.passphrase");
	int err;

	passphrase_len = b.len < sizeof(passphrase) ? b.len : 0;
	memcpy(passphrase, b.data, passphrase_len);
	blob_free(&b);
	b = slurp("tests/data/go/go-unicode.tar.aes");
	(void)snprintf(path, sizeof(path), "%s/%s", vaults_folder, VAULT_GO);
	spill(path, &b);
	/* A vault of format 1 begins with its salt. */
	err = b.len > KDF_SALT_LEN ? kdf_know(b.data) : -1;
	blob_free(&b);
	return err;
}

int scene_start(void)
{
	const char *tmp = getenv("TMPDIR");
	char path[PATH_MAX];

	/* Nothing here has to reach a disk. */
	if (tmp == NULL)
		tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	(void)snprintf(path, sizeof(path), "%s/tz-faults-XXXXXX", tmp);
	/* The store resolves links, too. */
	if (mkdtemp(path) == NULL || realpath(path, vaults_folder) == NULL ||
	    scene_use(FIRST_FOLDER) != 0 || take_go() != 0)
		return -1;
	if (scene_run(make_all, NULL) == 0)
		return 0;
	(void)printf("# vaults to begin with: %s\n", stage->broken);
	return -1;
}

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

int scene_end(void)
{
	return nftw(vaults_folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
