/* SPDX-License-Identifier: MIT */
#include "promises.h"

#include <stddef.h>

enum kind { FUSE, TMPFS, RAMFS, KINDS };

/* The order in which they are shown. */
enum which {
	DISK,
	SWAP,
	DUMPS,
	USERS,
	ROOT,
	CUT_OFF,
	WIPE,
	FSYNC,
	UMOUNT,
	CRASH,
	SIZE,
	ATTRIBUTES,
	INVISIBLE,
};

struct verdict {
	enum promise_state state;
	const char *why;
};

/* Where nothing is out of the ordinary, and swap is on. */
static const struct {
	const char *name, *title;
	struct verdict by[KINDS];
} promises[PROMISES_COUNT] = {
	[DISK] = {"disk",
		  "nothing in clear on disk",
		  {
			  {PROMISE_HOLDS, "only sealed vaults are written"},
			  {PROMISE_HOLDS, "only sealed vaults are written"},
			  {PROMISE_HOLDS, "only sealed vaults are written"},
		  }},
	[SWAP] = {"swap",
		  "nothing in swap",
		  {
			  {PROMISE_HOLDS, "the daemon's memory is locked, or "
					  "encrypted, and the kernel swaps "
					  "out nothing that it caches"},
			  {PROMISE_HOLDS, "the tmpfs is noswap, and the "
					  "daemon's memory locked, or "
					  "encrypted"},
			  {PROMISE_HOLDS, "the kernel swaps out no ramfs, and "
					  "the daemon's memory is locked, or "
					  "encrypted"},
		  }},
	[DUMPS] = {"dumps",
		   "not in core dumps",
		   {
			   {PROMISE_HOLDS, "the daemon leaves none, and its "
					   "memory is left out of any"},
			   {PROMISE_HOLDS, "the daemon leaves none, and its "
					   "memory is left out of any"},
			   {PROMISE_HOLDS, "the daemon leaves none, and its "
					   "memory is left out of any"},
		   }},
	[USERS] = {"users",
		   "other users are kept out",
		   {
			   {PROMISE_HOLDS, "the kernel lets in nobody but who "
					   "has mounted it"},
			   {PROMISE_HOLDS, "its root folder has mode 0700"},
			   {PROMISE_HOLDS, "its root folder has mode 0700"},
		   }},
	[ROOT] = {"root",
		  "root is kept out",
		  {
			  {PROMISE_PARTLY, "the kernel refuses root, but root "
					   "can become the user"},
			  {PROMISE_BROKEN, "root can read every tmpfs"},
			  {PROMISE_BROKEN, "root can read every ramfs"},
		  }},
	[CUT_OFF] = {"cut-off",
		     "a lock cuts programs off",
		     {
			     {PROMISE_HOLDS, "open files and mappings lead "
					     "nowhere afterwards"},
			     {PROMISE_PARTLY,
			      "'tazpod lock' is refused while a file is open "
			      "for writing; what is open is emptied, but for "
			      "files that were deleted"},
			     {PROMISE_PARTLY,
			      "'tazpod lock' is refused while a file is open "
			      "for writing; what is open is emptied, but for "
			      "files that were deleted"},
		     }},
	[WIPE] = {"wipe",
		  "a lock wipes",
		  {
			  {PROMISE_HOLDS,
			   "the daemon's memory and what the "
			   "kernel still caches are overwritten"},
			  {PROMISE_PARTLY,
			   "the daemon's memory and all files are "
			   "overwritten, but not those that were deleted and "
			   "are still open"},
			  {PROMISE_PARTLY,
			   "the daemon's memory and all files are "
			   "overwritten, but not those that were deleted and "
			   "are still open"},
		  }},
	[FSYNC] = {"fsync",
		   "fsync is durable",
		   {
			   {PROMISE_HOLDS, "it returns when the vault is on "
					   "disk"},
			   {PROMISE_BROKEN, "the kernel does nothing; 'tazpod "
					    "save' returns when the vault is "
					    "on disk"},
			   {PROMISE_BROKEN, "the kernel does nothing; 'tazpod "
					    "save' returns when the vault is "
					    "on disk"},
		   }},
	[UMOUNT] = {"umount",
		    "umount waits for the last seal",
		    {
			    {PROMISE_HOLDS, "it is refused or waits while "
					    "there are unsealed changes"},
			    {PROMISE_PARTLY, "root's umount(8) does, other "
					     "ways do not, but lose nothing"},
			    {PROMISE_PARTLY, "root's umount(8) does, other "
					     "ways do not, but lose nothing"},
		    }},
	[CRASH] = {"crash",
		   "a crash loses nothing that was synced",
		   {
			   {PROMISE_HOLDS, "what fsync(2) or 'tazpod save' has "
					   "returned for is in the vault"},
			   {PROMISE_PARTLY, "what 'tazpod save' has returned "
					    "for is in the vault, but fsync(2) "
					    "is no save"},
			   {PROMISE_PARTLY, "what 'tazpod save' has returned "
					    "for is in the vault, but fsync(2) "
					    "is no save"},
		   }},
	[SIZE] = {"size",
		  "its size is limited",
		  {
			  {PROMISE_HOLDS, "to what size= says"},
			  {PROMISE_HOLDS, "to what size= says"},
			  {PROMISE_BROKEN, "it can fill the machine's memory"},
		  }},
	[ATTRIBUTES] = {"attributes",
			"extended attributes and ACLs",
			{
				{PROMISE_HOLDS, "both are kept"},
				{PROMISE_PARTLY,
				 "those of user.* only since Linux 6.6; what "
				 "is in the vault stays there"},
				{PROMISE_BROKEN, "a ramfs has neither; what is "
						 "in the vault stays there"},
			}},
	[INVISIBLE] = {"invisible",
		       "nobody else sees the mount",
		       {
			       {PROMISE_BROKEN, "every process here sees that "
						"there is one"},
			       {PROMISE_BROKEN, "every process here sees that "
						"there is one"},
			       {PROMISE_BROKEN, "every process here sees that "
						"there is one"},
		       }},
};

static enum kind kind_of(enum rung r)
{
	switch (r) {
	case RUNG_TMPFS:
	case RUNG_TMPFS_SWAP:
		return TMPFS;
	case RUNG_RAMFS:
		return RAMFS;
	default:
		return FUSE;
	}
}

static void set(struct promise *p, enum promise_state state, const char *why)
{
	p->state = state;
	p->why = why;
}

/* Who is let in by what the mount or the module is told. */
static void let_in(struct promise *all, enum rung r,
		   const struct circumstances *c)
{
	/* In a namespace of its own there is nobody else to be let in. */
	const bool others = c->allow_other && r != RUNG_FUSE_USERNS;

	if (others)
		set(&all[USERS], PROMISE_PARTLY,
		    "allow_other lets in everybody whom the files' modes do");
	if (kind_of(r) != FUSE)
		return;
	if (r == RUNG_FUSE)
		set(&all[ROOT], PROMISE_BROKEN, "the mount is root's");
	else if (others)
		set(&all[ROOT], PROMISE_BROKEN, "allow_other lets root in");
	else if (c->admin_access)
		set(&all[ROOT], PROMISE_BROKEN,
		    "the fuse module's allow_sys_admin_access lets root in");
}

void promises_of(struct promise ret[static PROMISES_COUNT], enum rung r,
		 const struct circumstances *c)
{
	for (size_t i = 0; i < PROMISES_COUNT; i++)
		ret[i] = (struct promise){
			.name = promises[i].name,
			.title = promises[i].title,
			.state = promises[i].by[kind_of(r)].state,
			.why = promises[i].by[kind_of(r)].why,
		};
	let_in(ret, r, c);
	if (r == RUNG_TMPFS_SWAP && c->swap_on)
		set(&ret[SWAP], PROMISE_BROKEN,
		    "swap is on, and the kernel may swap its files out");
	else if (r == RUNG_TMPFS_SWAP)
		set(&ret[SWAP], PROMISE_PARTLY,
		    "no swap is on; as soon as one is, the kernel may swap "
		    "its files out");
	if (r == RUNG_FUSE_USERNS || c->own_namespace)
		set(&ret[INVISIBLE], PROMISE_HOLDS,
		    "only what is started in its namespace, and root, who can "
		    "enter that");
}

const char *promises_word(enum promise_state s)
{
	static const char *const words[] = {
		[PROMISE_HOLDS] = "yes",
		[PROMISE_PARTLY] = "partly",
		[PROMISE_BROKEN] = "no",
	};

	return words[s];
}
