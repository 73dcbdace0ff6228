/* SPDX-License-Identifier: MIT */
/*
 * A file that is replaced where it is, with the power cut at every point, the
 * process killed at every point, and every system call failing in turn; then
 * the same while it is repaired.
 */
#include "device.h"
#include "fs/inplace.h"

enum { VERSION_MAX = 9000, CUTS_MAX = 100000, REPAIRS = 12 };

/* What the file may hold, as a whole: the caller's three versions. */
static uint8_t old_bytes[VERSION_MAX], new_bytes[VERSION_MAX],
	next_bytes[VERSION_MAX];
static struct blob old_blob = {old_bytes, 0}, new_blob = {new_bytes, 0},
		   next_blob = {next_bytes, 3000};

static const struct blob *allowed[4]; /* what a cut may leave; NULL ends it */
static struct blob cuts[CUTS_MAX];    /* what cuts have left */
static unsigned cut_count, images;
static bool collecting;
static uint64_t random_state = 1;

static bool same(const struct blob *a, const struct blob *b)
{
	return a->len == b->len &&
	       (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

/* What inplace_find() takes for the vault in file. */
static struct blob vault_of(const struct blob *file, struct inplace_found *f)
{
	assert_int_equal(inplace_find(f, file), 0);
	assert_true(f->off <= file->len && f->len <= file->len - f->off);
	return (struct blob){file->data + f->off, f->len};
}

static void assert_allowed(const struct blob *file)
{
	struct inplace_found f;
	struct blob vault = vault_of(file, &f);

	images++;
	for (size_t i = 0; allowed[i] != NULL; i++) {
		if (same(&vault, allowed[i]))
			return;
	}
	fail_msg("old %zu, new %zu, sector %zu, before call %u: "
		 "the file of %zu is none of them, but %d, %zu at %zu",
		 old_blob.len, new_blob.len, device.sector, device.calls + 1,
		 file->len, (int)f.state, f.len, f.off);
}

static void try_cut(const bool keep[])
{
	/* In memory that ends where the file ends. */
	static struct disk d;
	struct blob b;

	device_cut(&d, keep);
	b = (struct blob){blob_alloc(d.len), d.len};
	assert_non_null(b.data);
	memcpy(b.data, d.data, d.len);
	assert_allowed(&b);
	if (!collecting) {
		blob_free(&b);
		return;
	}
	assert_true(cut_count < CUTS_MAX);
	cuts[cut_count++] = b;
}

/* Cut the power: every choice if they are few, else the likely and some. */
static void cut_power(void)
{
	bool keep[UNITS_MAX] = {false};
	const unsigned n = device.count;

	if (n <= 6) {
		for (unsigned bits = 0; bits < 1U << n; bits++) {
			for (unsigned i = 0; i < n; i++)
				keep[i] = (bits >> i & 1) != 0;
			try_cut(keep);
		}
		return;
	}
	for (unsigned way = 0; way < 4; way++) {
		for (unsigned at = 0; at <= n; at++) {
			/* The first, the last, one alone, all but one. */
			for (unsigned i = 0; i < n; i++)
				keep[i] = way == 0   ? i < at
					  : way == 1 ? i >= at
					  : way == 2 ? i == at
						     : i != at;
			try_cut(keep);
		}
	}
	for (unsigned round = 0; round < 32; round++) {
		for (unsigned i = 0; i < n; i++)
			keep[i] = next_random(&random_state) >> 40 & 1;
		try_cut(keep);
	}
}

static void allow(const struct blob *a, const struct blob *b,
		  const struct blob *c)
{
	allowed[0] = a;
	allowed[1] = b;
	allowed[2] = c;
	allowed[3] = NULL;
}

/* Nothing but want is in the file, and on the disk. */
static void assert_clean(const struct blob *want)
{
	struct blob got = device_read();

	assert_true(same(&got, want));
	blob_free(&got);
	assert_int_equal(device.durable.len, want->len);
	if (want->len > 0)
		assert_same_bytes(device.durable.data, want->data, want->len);
	allow(want, NULL, NULL);
	cut_power();
}

/* Repair what programs see; cuts leave what is allowed. */
static void repair_now(void)
{
	struct blob file = device_read(), vault;
	struct inplace_found f;

	vault = vault_of(&file, &f);
	device.before = cut_power;
	assert_int_equal(inplace_repair(device.fd, &file, &f), 0);
	device.before = NULL;
	/* A clean file is left alone, though its end may not be durable yet. */
	if (f.state == INPLACE_CLEAN)
		cut_power();
	else
		assert_clean(&vault);
	blob_free(&file);
}

/* What a cut has left is repaired, and the power is cut again. */
static void repair_cut(struct blob *file)
{
	struct inplace_found f;
	struct blob vault = vault_of(file, &f);

	device_start(file->data, file->len);
	allow(&vault, NULL, NULL);
	repair_now();
}

static void check_power_cuts(void)
{
	device_start(old_blob.data, old_blob.len);
	allow(&old_blob, &new_blob, NULL);
	device.before = cut_power;
	collecting = true;
	assert_int_equal(inplace_replace(device.fd, &new_blob), 0);
	collecting = false;
	device.before = NULL;
	assert_clean(&new_blob);
	for (unsigned i = 0; i < REPAIRS; i++)
		repair_cut(&cuts[next_random(&random_state) % cut_count]);
	/* The last cuts are those with both vaults half there. */
	for (unsigned i = 1; i <= REPAIRS && i <= cut_count; i++)
		repair_cut(&cuts[cut_count - i]);
	while (cut_count > 0)
		blob_free(&cuts[--cut_count]);
}

/* From the call nth on nothing is done any more: the process has ended. */
static void kill_at(unsigned nth)
{
	device_start(old_blob.data, old_blob.len);
	device.err = EIO;
	device.fail_at = nth;
	device.fail_until = CALLS_MAX;
	assert_int_equal(inplace_replace(device.fd, &new_blob), -EIO);
	device.calls = device.fail_at = device.fail_until = 0;
}

static unsigned calls_of_a_replacement(void)
{
	device_start(old_blob.data, old_blob.len);
	assert_int_equal(inplace_replace(device.fd, &new_blob), 0);
	assert_in_range(device.calls, 9, 20);
	return device.calls;
}

static void check_kills(void)
{
	const unsigned calls = calls_of_a_replacement();

	for (unsigned nth = 1; nth <= calls; nth++) {
		kill_at(nth);
		allow(&old_blob, &new_blob, NULL);
		repair_now();
		kill_at(nth);
		allow(&old_blob, &new_blob, &next_blob);
		device.before = cut_power;
		assert_int_equal(inplace_replace(device.fd, &next_blob), 0);
		device.before = NULL;
		assert_clean(&next_blob);
	}
}

/* Call number nth fails.  What it says is true, and the next one works. */
static void check_failure(unsigned nth, int err)
{
	struct blob file, vault;
	struct inplace_found f;
	int result;

	device_start(old_blob.data, old_blob.len);
	allow(&old_blob, &new_blob, NULL);
	device.err = err;
	device.fail_at = nth;
	device.fail_until = nth + 1;
	device.before = cut_power;
	result = inplace_replace(device.fd, &new_blob);
	assert_non_null(device.failed);
	device.fail_at = device.fail_until = 0;
	device.before = NULL;
	if (err == 0 || err == EINTR ||
	    (err == EOPNOTSUPP && strcmp(device.failed, "fallocate") == 0))
		assert_int_equal(result, 0);
	else
		assert_int_equal(result, -err);
	file = device_read();
	vault = vault_of(&file, &f);
	if (result == 0)
		assert_clean(&new_blob);
	else if (same(&vault, &new_blob))
		cut_power();
	else
		assert_clean(&old_blob);
	blob_free(&file);
	assert_int_equal(inplace_replace(device.fd, &next_blob), 0);
	assert_clean(&next_blob);
}

static void check_failures(void)
{
	static const int errors[] = {EIO, ENOSPC, EOPNOTSUPP, EINTR, 0};
	const unsigned calls = calls_of_a_replacement();

	for (unsigned nth = 1; nth <= calls; nth++) {
		for (size_t i = 0; i < COUNT(errors); i++)
			check_failure(nth, errors[i]);
	}
}

/* From nothing to some blocks, around borders of sectors and blocks. */
static void with_lengths(void (*check)(void))
{
	static const size_t lengths[] = {0, 1, 600, 4096, 5000, VERSION_MAX};

	for (size_t i = 0; i < COUNT(lengths); i++) {
		for (size_t j = 0; j < COUNT(lengths); j++) {
			old_blob.len = lengths[i];
			new_blob.len = lengths[j];
			check();
		}
	}
}

static void a_power_cut_leaves_old_or_new(void **state)
{
	(void)state;
	images = 0;
	with_lengths(check_power_cuts);
	assert_in_range(images, 40000, 100000000);
}

/* Nothing but the digests needs to be right: a record may tear anywhere. */
static void a_disk_that_tears_sectors_leaves_old_or_new(void **state)
{
	(void)state;
	device.sector = 64;
	for (size_t len = 300; len <= 600; len += 150) {
		old_blob.len = len;
		new_blob.len = 900 - len;
		check_power_cuts();
	}
	device.sector = 512;
}

static void a_killed_process_leaves_old_or_new(void **state)
{
	(void)state;
	with_lengths(check_kills);
}

static void a_failed_call_leaves_old_or_new(void **state)
{
	(void)state;
	with_lengths(check_failures);
}

static void a_vault_that_ends_in_zeros_keeps_them(void **state)
{
	(void)state;
	for (size_t zeros = 1; zeros < 3584; zeros += 597) {
		old_blob.len = 5000;
		new_blob.len = 5300;
		memset(old_bytes + 5000 - zeros, 0, zeros);
		memset(new_bytes + 5300 - zeros / 2, 0, zeros / 2);
		check_power_cuts();
	}
	fill_random(old_bytes, sizeof(old_bytes), 1);
	fill_random(new_bytes, sizeof(new_bytes), 2);
}

/* A full disk is found out before the file is any longer. */
static void a_full_disk_is_seen_first(void **state)
{
	struct blob b;

	(void)state;
	old_blob.len = 5000;
	new_blob.len = VERSION_MAX;
	device_start(old_blob.data, old_blob.len);
	device.err = ENOSPC;
	device.fail_at = 2;
	device.fail_until = 3;
	assert_int_equal(inplace_replace(device.fd, &new_blob), -ENOSPC);
	assert_string_equal(device.failed, "fallocate");
	b = device_read();
	assert_true(same(&b, &old_blob));
	blob_free(&b);
}

/* Where no space can be reserved, all is in use before the front is touched. */
static void a_full_disk_is_seen_before_the_front_is_touched(void **state)
{
	struct blob b;

	(void)state;
	old_blob.len = 600;
	new_blob.len = VERSION_MAX;
	kill_at(10);
	assert_string_equal(device.failed, "pwrite");
	b = device_read();
	assert_same_bytes(b.data, old_bytes, 600);
	assert_same_bytes(b.data + 4096, new_bytes + 4096, VERSION_MAX - 4096);
	blob_free(&b);
}

/* As after an error that another program's fsync was told of. */
static void an_image_that_was_never_written_is_seen(void **state)
{
	struct inplace_found f;
	struct blob file;

	(void)state;
	old_blob.len = 5000;
	new_blob.len = 4000;
	device_start(old_blob.data, old_blob.len);
	device.lie_at = 8; /* that of the image, which is call 7 */
	assert_int_equal(inplace_replace(device.fd, &new_blob), -EIO);
	assert_clean(&old_blob);
	/* And if the process that wrote it is gone. */
	kill_at(8);
	device.lie_at = 1;
	file = device_read();
	assert_int_equal(inplace_find(&f, &file), 0);
	assert_int_equal(f.state, INPLACE_NEW);
	assert_int_equal(inplace_repair(device.fd, &file, &f), -EIO);
	blob_free(&file);
	allow(&old_blob, NULL, NULL);
	repair_now();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_power_cut_leaves_old_or_new),
		cmocka_unit_test(a_disk_that_tears_sectors_leaves_old_or_new),
		cmocka_unit_test(a_killed_process_leaves_old_or_new),
		cmocka_unit_test(a_failed_call_leaves_old_or_new),
		cmocka_unit_test(a_vault_that_ends_in_zeros_keeps_them),
		cmocka_unit_test(a_full_disk_is_seen_first),
		cmocka_unit_test(
			a_full_disk_is_seen_before_the_front_is_touched),
		cmocka_unit_test(an_image_that_was_never_written_is_seen),
	};

	fill_random(old_bytes, sizeof(old_bytes), 1);
	fill_random(new_bytes, sizeof(new_bytes), 2);
	fill_random(next_bytes, sizeof(next_bytes), 3);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
