/* SPDX-License-Identifier: MIT */
#ifndef TZ_ACL_H
#define TZ_ACL_H

/*
 * POSIX access control lists, as the kernel hands them over: the value of
 * the extended attributes system.posix_acl_access and _default, a version and
 * entries of eight bytes, little-endian (linux/posix_acl_xattr.h).  The kernel
 * has checked and sorted them, and it decides by them; what they do to modes
 * is done here (POSIX.1e draft 17; acl(5)).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ACL_ACCESS  "system.posix_acl_access"
#define ACL_DEFAULT "system.posix_acl_default"

enum {
	ACL_MAX = 4096, /* bytes: the kernel takes no more from FUSE */
	ACL_HEADER = 4, /* bytes */
	ACL_ENTRY = 8,
	ACL_USER_OBJ = 0x01,
	ACL_USER = 0x02,
	ACL_GROUP_OBJ = 0x04,
	ACL_GROUP = 0x08,
	ACL_MASK = 0x10,
	ACL_OTHER = 0x20,
	ACL_TEXT_ENTRY = 32, /* bytes that an entry's text can take */
};

struct acl_entry {
	uint16_t tag, perm; /* perm: 4 read, 2 write, 1 execute */
	uint32_t id;	    /* of ACL_USER and ACL_GROUP */
};

/* Is acl of a form that the functions below understand? */
bool acl_is_valid(const uint8_t *acl, size_t len);

/* Does a valid acl say no more than a mode does? */
bool acl_is_mode(const uint8_t *acl, size_t len);

/* mode with the permissions that a valid acl gives to its three classes. */
uint32_t acl_to_mode(const uint8_t *acl, size_t len, uint32_t mode);

/* Let a valid acl follow a chmod to mode. */
void acl_chmod(uint8_t *acl, size_t len, uint32_t mode);

/*
 * Make of a copy of a folder's default list the access list of something new
 * in it that is made with mode.  Returns the mode that results.
 */
uint32_t acl_inherit(uint8_t *acl, size_t len, uint32_t mode);

/* The number of entries in a list of len bytes. */
size_t acl_count(size_t len);

/* Entry number i in words, "user:1000:r--", as pax records have it: its length.
 */
size_t acl_to_text(char text[static ACL_TEXT_ENTRY], const uint8_t *acl,
		   size_t i);

/* Write entry number i of a list that has room for it. */
void acl_put(uint8_t *acl, size_t i, const struct acl_entry *e);

/* Write the header of a list; acl_put() adds the entries. */
void acl_start(uint8_t *acl);

#endif
