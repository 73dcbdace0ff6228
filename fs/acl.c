/* SPDX-License-Identifier: MIT */
#include "acl.h"

#include <endian.h>
#include <stdio.h>
#include <string.h>

enum {
	VERSION = 2,
	NAMED = ACL_USER | ACL_GROUP, /* of which there may be several */
};

static struct acl_entry get(const uint8_t *acl, size_t i)
{
	const uint8_t *p = acl + ACL_HEADER + i * ACL_ENTRY;
	uint16_t tag, perm;
	uint32_t id;

	memcpy(&tag, p, sizeof(tag));
	memcpy(&perm, p + 2, sizeof(perm));
	memcpy(&id, p + 4, sizeof(id));
	return (struct acl_entry){le16toh(tag), le16toh(perm), le32toh(id)};
}

void acl_put(uint8_t *acl, size_t i, const struct acl_entry *e)
{
	const uint16_t tag = htole16(e->tag), perm = htole16(e->perm);
	const uint32_t id = htole32(e->id);
	uint8_t *p = acl + ACL_HEADER + i * ACL_ENTRY;

	memcpy(p, &tag, sizeof(tag));
	memcpy(p + 2, &perm, sizeof(perm));
	memcpy(p + 4, &id, sizeof(id));
}

void acl_start(uint8_t *acl)
{
	const uint32_t version = htole32(VERSION);

	memcpy(acl, &version, sizeof(version));
}

size_t acl_count(size_t len)
{
	return len < ACL_HEADER ? 0 : (len - ACL_HEADER) / ACL_ENTRY;
}

bool acl_is_valid(const uint8_t *acl, size_t len)
{
	unsigned seen = 0;
	uint32_t version;

	if (len < ACL_HEADER || len > ACL_MAX ||
	    (len - ACL_HEADER) % ACL_ENTRY != 0)
		return false;
	memcpy(&version, acl, sizeof(version));
	for (size_t i = 0; i < acl_count(len); i++) {
		struct acl_entry e = get(acl, i);

		if (e.perm > 7 || (e.tag & (e.tag - 1)) != 0 || e.tag == 0 ||
		    e.tag > ACL_OTHER || (seen & e.tag & ~NAMED) != 0)
			return false;
		seen |= e.tag;
	}
	return le32toh(version) == VERSION &&
	       (seen & (ACL_USER_OBJ | ACL_GROUP_OBJ | ACL_OTHER)) ==
		       (ACL_USER_OBJ | ACL_GROUP_OBJ | ACL_OTHER);
}

bool acl_is_mode(const uint8_t *acl, size_t len)
{
	for (size_t i = 0; i < acl_count(len); i++)
		if (get(acl, i).tag &
		    (uint16_t)(ACL_USER | ACL_GROUP | ACL_MASK))
			return false;
	return true;
}

/* The tag of the entry that stands for the mode's group bits. */
static uint16_t group_class(const uint8_t *acl, size_t len)
{
	for (size_t i = 0; i < acl_count(len); i++)
		if (get(acl, i).tag == ACL_MASK)
			return ACL_MASK;
	return ACL_GROUP_OBJ;
}

/* How far the bits of the class of tag are from the mode's low end; -1: none.
 */
static int shift_of(uint16_t tag, uint16_t group)
{
	if (tag == ACL_USER_OBJ)
		return 6;
	if (tag == group)
		return 3;
	return tag == ACL_OTHER ? 0 : -1;
}

uint32_t acl_to_mode(const uint8_t *acl, size_t len, uint32_t mode)
{
	uint16_t group = group_class(acl, len);

	for (size_t i = 0; i < acl_count(len); i++) {
		struct acl_entry e = get(acl, i);
		int shift = shift_of(e.tag, group);

		if (shift >= 0)
			mode = (mode & ~(7u << shift)) | (uint32_t)e.perm
								 << shift;
	}
	return mode;
}

void acl_chmod(uint8_t *acl, size_t len, uint32_t mode)
{
	uint16_t group = group_class(acl, len);

	for (size_t i = 0; i < acl_count(len); i++) {
		struct acl_entry e = get(acl, i);
		int shift = shift_of(e.tag, group);

		if (shift < 0)
			continue;
		e.perm = mode >> shift & 7;
		acl_put(acl, i, &e);
	}
}

uint32_t acl_inherit(uint8_t *acl, size_t len, uint32_t mode)
{
	uint16_t group = group_class(acl, len);

	for (size_t i = 0; i < acl_count(len); i++) {
		struct acl_entry e = get(acl, i);
		int shift = shift_of(e.tag, group);

		if (shift < 0)
			continue;
		e.perm &= mode >> shift & 7;
		mode = (mode & ~(7u << shift)) | (uint32_t)e.perm << shift;
		acl_put(acl, i, &e);
	}
	return mode;
}

static const char *name_of(uint16_t tag)
{
	switch (tag) {
	case ACL_USER_OBJ:
	case ACL_USER:
		return "user";
	case ACL_GROUP_OBJ:
	case ACL_GROUP:
		return "group";
	case ACL_MASK:
		return "mask";
	default:
		return "other";
	}
}

size_t acl_to_text(char text[static ACL_TEXT_ENTRY], const uint8_t *acl,
		   size_t i)
{
	struct acl_entry e = get(acl, i);
	char id[12] = "";

	if (e.tag == ACL_USER || e.tag == ACL_GROUP)
		(void)snprintf(id, sizeof(id), "%u", e.id);
	return (size_t)snprintf(text, ACL_TEXT_ENTRY, "%s:%s:%c%c%c",
				name_of(e.tag), id, e.perm & 4 ? 'r' : '-',
				e.perm & 2 ? 'w' : '-', e.perm & 1 ? 'x' : '-');
}
