/*
 * Resources: the typed things that intent is made of.
 *
 * A resource type is one table of functions. It says how a specification is read from and written
 * to JSON, what the kernel has of it, whether that is what is wanted, and how to make it so. Dry
 * run, rollback, undo, expiry, crash recovery and provenance follow from these few functions and
 * are written once, in this room.
 *
 * A specification is a plain struct without pointers, `spec_size` bytes: copying is assignment.
 */
#pragma once

#include <string.h>
#include <uthash.h>

#include "base/base.h"
#include "netlink/netlink.h"

struct core;
struct dependent;

#define RESOURCE_KEY_MAX     160
#define PROVENANCE_TEXT_MAX  128
#define RESOURCE_LINKS_MAX   10
#define RESOURCE_TROUBLE_MAX 160

/* Who wanted it, and why. */
struct provenance {
	char owner[PROVENANCE_TEXT_MAX];  /* "uid:1000", "agent:...", "dhcp", "boot" */
	char reason[PROVENANCE_TEXT_MAX]; /* in the words of who asked, or of the daemon */
	char goal[PROVENANCE_TEXT_MAX];	  /* id of the goal that it serves, or "" */
};

/* How the owner of what was found, made by somebody else, begins: "adopted:networkd". */
#define RESOURCE_ADOPTED_PREFIX "adopted:"

struct resource_type {
	const char *name; /* "address" */
	unsigned order;	  /* lower is made first and removed last */
	size_t spec_size; /* bytes */

	/* The specification of JSON; errors name the member. It need not be possible here and now.
	 */
	int (*parse)(const json_t *object, void *ret_spec, struct error *error);
	/* JSON of the specification, or NULL when memory is exhausted. */
	json_t *(*print)(const void *spec);
	/* The identity within the type, such as "eth0/192.0.2.7/24". */
	void (*key)(const void *spec, char buffer[RESOURCE_KEY_MAX]);
	/* Order within the type, lower first; optional: all alike. */
	unsigned (*rank)(const void *spec);
	/* Is this a link that is set down? It is put only after all else is removed. The key of
	 * such a type is the link's name. Optional: no. */
	bool (*comes_last)(const void *spec);
	/* May this be asked for here and now? Called before anything changes. Optional. */
	int (*validate)(struct core *core, const void *spec, struct error *error);
	/*
	 * Optional: without it the resource stands in intent alone, and no step is ever needed for
	 * it. What there is of the resource of `wanted`'s identity: 1 and `ret_spec` filled; 0 when
	 * there is none; -ENODEV when it cannot be yet (its link is missing: it waits).
	 */
	int (*observe)(struct core *core, const void *wanted, void *ret_spec);
	/*
	 * Optional: of an object of the mirror, of `kind`, what `key` reads of the resource that it
	 * would be the state of, so that its announcement is known to concern that one: 1 and
	 * `ret_spec`, which comes zeroed, filled; 0 when it is of none.
	 */
	int (*place)(struct core *core, const union object *object, void *ret_spec);
	enum object_kind kind; /* that observe() looks for beside links; without any OBJECT_LINK */
	/* Does what is observed satisfy what is wanted? */
	bool (*satisfied)(const void *wanted, const void *observed);
	/* The links that it makes, and those that it needs (at most RESOURCE_LINKS_MAX names,
	 * borrowed from `spec`; returns how many). Optional: none. What needs a link that the same
	 * plan makes does not wait for it. */
	unsigned (*makes)(const void *spec, const char *ret[RESOURCE_LINKS_MAX]);
	unsigned (*needs)(const void *spec, const char *ret[RESOURCE_LINKS_MAX]);
	/* Does it stand only while those links are up? Where intent has one of them down, it waits.
	 * Optional: no. */
	bool (*needs_up)(const void *spec);
	/* Lives in this daemon alone (a client at work): there is nothing that could be left
	 * behind.
	 */
	bool internal;
	/*
	 * Optional: when released, the former state comes back, instead of nothing. Adds to
	 * `wanted` what `previous` set and `wanted` does not, as it was in `baseline`. When the
	 * resource is released, `wanted` comes zeroed.
	 */
	void (*restore)(const void *previous, const void *baseline, void *wanted);
	/* Optional, with `restore`: what `previous` did not set may have changed since `baseline`
	 * was taken; that is taken from `observed` instead. */
	void (*rebase)(const void *previous, const void *observed, void *baseline);
	/* With `restore`: what had no former state was made by us, and is removed when released. */
	bool removable;
	/* Optional: makes the address of the link, which is there, the first of its network. */
	int (*put_first)(struct core *core, const char *link, const struct ip_prefix *prefix,
			 struct error *error);
	/*
	 * Makes it so: from `before` (NULL: there is none) to `after` (NULL: remove). Idempotent,
	 * so that an inverse may be applied to a step that never happened: what is already so is no
	 * error.
	 */
	int (*apply)(struct core *core, const void *before, const void *after, struct error *error);
	/*
	 * Optional: the one request to the kernel that apply() would make, so that many are sent at
	 * once: the message, which lies in `buffer` (NETLINK_MESSAGE_MAX bytes), or NULL where
	 * apply() is to do it. It follows from the mirror as it is before any of them. Of what the
	 * kernel refuses then, apply() is called again, and says why.
	 */
	struct nlmsghdr *(*request)(struct core *core, const void *before, const void *after,
				    void *buffer);
};

/*
 * One resource of intent. Owned by the intent that holds it. There may be ten thousand, so its
 * texts are kept ones (base/intern.h), and its id stands behind the specification.
 */
struct resource {
	const struct resource_type *type;
	struct {
		const char *owner, *reason, *goal; /* as in struct provenance */
	} provenance;
	const char *parent;   /* "type/key" of the resource it derives from, or "" */
	usec_t created;	      /* realtime */
	usec_t expires;	      /* realtime, or USEC_INFINITY */
	uint64_t transaction; /* that put it there last */
	void *baseline; /* observed before intent took it; only of types that restore, else NULL */
	const char *id; /* "type/key" */
	UT_hash_handle hh;
	struct resource *next, *prev;			/* of the same type in intent */
	struct resource *attended_next, *attended_prev; /* while it needs attention */
	struct dependent *dependents;			/* its places in the index by links */
	unsigned dependents_count;
	bool is_attended;
	bool due; /* it is looked at as soon as may be */
	/* What hinders it, for people: "" when it stands. Not stored. */
	const char *trouble;
	usec_t retry_at;       /* boottime of the next attempt, 0 for none */
	unsigned attempts;     /* that failed, one after the other */
	bool stands;	       /* the kernel had it when last looked at: a difference is drift */
	unsigned fight_rounds; /* somebody changed it, we changed it back; from `fight_began` on */
	usec_t fight_began;    /* boottime */
	usec_t truce_until;    /* boottime; 0: there is no fight */
	_Alignas(max_align_t) unsigned char spec[];
};

/* "type/key" of a specification. `buffer` of RESOURCE_KEY_MAX + 16 bytes; returned. */
const char *resource_id(const struct resource_type *type, const void *spec, char *buffer);

struct resource *resource_new(const struct resource_type *type, const void *spec);
/* 0 or -ENOMEM, and then as it was. */
int resource_set_provenance(struct resource *resource, const struct provenance *provenance);
int resource_set_parent(struct resource *resource, const char *parent);
/* Shortened to RESOURCE_TROUBLE_MAX; "" when it stands. */
void resource_set_trouble(struct resource *resource, const char *trouble);

/* Was it there before us? Undoing an adoption leaves it as it is. */
static inline bool resource_is_adopted(const struct resource *resource)
{
	return strncmp(resource->provenance.owner, RESOURCE_ADOPTED_PREFIX,
		       sizeof(RESOURCE_ADOPTED_PREFIX) - 1) == 0;
}

struct resource *resource_copy(const struct resource *resource);
void resource_free(struct resource *resource);
DEFINE_CLEANUP(struct resource *, resource_cleanup, resource_free)

/* The order in which resources are made: by type, by rank, by id. Below, at or above 0 as strcmp().
 */
int resource_compare(const struct resource *a, const struct resource *b);

/* The whole resource as JSON (id, type, spec, owner, reason, goal, created, expires, parent,
 * transaction), or NULL; and the other way round, of the types that `core` knows. */
json_t *resource_to_json(const struct resource *resource);
int resource_from_json(struct core *core, const json_t *object, struct resource **ret,
		       struct error *error);
