/*
 * Resource type `guard`: what an administrator will not have changed. It stands in intent alone;
 * nothing of it is in the kernel.
 */
#include <string.h>

#include "guards.h"

const char *const guard_kinds[] = {
	[GUARD_PROTECT] = "protect", [GUARD_CONFIRM] = "confirm",	[GUARD_LIMIT] = "limit",
	[GUARD_DRIFT] = "drift",     [GUARD_MANAGEMENT] = "management", [_GUARD_KIND_MAX] = NULL,
};

const char *const guard_policies[] = {
	[DRIFT_REVERT] = "revert",
	[DRIFT_ADOPT] = "adopt",
	[DRIFT_REPORT] = "report",
	[_DRIFT_POLICY_MAX] = NULL,
};

#define KIND(kind) (1u << (kind))
#define MATCHING   (KIND(GUARD_PROTECT) | KIND(GUARD_CONFIRM) | KIND(GUARD_DRIFT))

/* Which member which kinds have. */
static const struct member {
	const char *name;
	unsigned kinds;	    /* that may have it */
	unsigned needed_by; /* kinds without which it is nothing */
} members[] = {
	{"resources", MATCHING, 0},
	{"link", MATCHING, 0},
	{"everyone", KIND(GUARD_PROTECT) | KIND(GUARD_CONFIRM), 0},
	{"count", KIND(GUARD_LIMIT), KIND(GUARD_LIMIT)},
	{"seconds", KIND(GUARD_LIMIT), KIND(GUARD_LIMIT)},
	{"policy", KIND(GUARD_DRIFT), KIND(GUARD_DRIFT)},
	{"peer", KIND(GUARD_MANAGEMENT), 0},
	{"port", KIND(GUARD_MANAGEMENT), 0},
};

static bool name_valid(const char *name)
{
	size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-");

	return length > 0 && length < GUARD_NAME_MAX && name[length] == '\0';
}

static int text_index(const char *const *texts, const char *text)
{
	for (int i = 0; text && texts[i]; i++)
		if (strcmp(texts[i], text) == 0)
			return i;
	return -1;
}

static int parse_name(const json_t *object, struct guard_spec *spec, struct error *error)
{
	const char *name, *kind;
	int r = spec_member_text(object, "name", &name, error), index;

	if (r >= 0)
		r = spec_member_text(object, "kind", &kind, error);
	if (r < 0)
		return r;
	if (!name_valid(name)) {
		r = error_set(error, ERROR_NAME_INVALID, "name", "'%.64s' is no name for a guard",
			      name);
		error_hint(error, "letters a to z, digits, '.', '_' and '-', at most %d of them",
			   GUARD_NAME_MAX - 1);
		return r;
	}
	text_copy(spec->name, sizeof(spec->name), name);
	index = text_index(guard_kinds, kind);
	if (index < 0)
		return error_set(error, ERROR_PARAMETER_RANGE, "kind",
				 "'%.32s' is no kind of guard", kind);
	spec->kind = (uint8_t)index;
	return 0;
}

/* What another kind has would be ignored in silence; and what a kind is nothing without. */
static int check_members(const json_t *object, const struct guard_spec *spec, struct error *error)
{
	for (unsigned i = 0; i < ARRAY_SIZE(members); i++) {
		const struct member *member = &members[i];
		bool given = json_object_get(object, member->name);

		if (given && !(member->kinds & KIND(spec->kind)))
			return error_set(error, ERROR_PARAMETER_RANGE, member->name,
					 "a guard of kind %s has no '%s'", guard_kinds[spec->kind],
					 member->name);
		if (!given && member->needed_by & KIND(spec->kind))
			return error_set(error, ERROR_PARAMETER_MISSING, member->name,
					 "a guard of kind %s needs '%s'", guard_kinds[spec->kind],
					 member->name);
	}
	return 0;
}

static int parse_what(const json_t *object, struct guard_spec *spec, struct error *error)
{
	const char *resources = json_member_text(object, "resources");
	int r;

	if (resources && !text_copy(spec->resources, sizeof(spec->resources), resources))
		return error_set(error, ERROR_PARAMETER_RANGE, "resources",
				 "the pattern is longer than any id");
	if (json_object_get(object, "link")) {
		r = spec_member_link(object, "link", spec->link, error);
		if (r < 0)
			return r;
	}
	if (spec->kind == GUARD_PROTECT && !spec->resources[0] && !spec->link[0]) {
		r = error_set(error, ERROR_PARAMETER_MISSING, "resources",
			      "it is not said what is protected");
		error_hint(error, "give resources (\"route/*\"; \"*\" for all), or a link");
		return r;
	}
	r = spec_member_bool(object, "everyone", &spec->everyone, error);
	return r < 0 ? r : 0;
}

static int parse_numbers(const json_t *object, struct guard_spec *spec, struct error *error)
{
	int r = spec_member_u32(object, "count", &spec->count, error);

	if (r >= 0)
		r = spec_member_u32(object, "seconds", &spec->seconds, error);
	if (r < 0)
		return r;
	if (spec->kind == GUARD_LIMIT && (!spec->count || !spec->seconds))
		return error_set(error, ERROR_PARAMETER_RANGE, spec->count ? "seconds" : "count",
				 "a limit has a count and a time of at least 1");
	return 0;
}

static int parse_policy(const json_t *object, struct guard_spec *spec, struct error *error)
{
	const char *policy = json_member_text(object, "policy");
	int index = policy ? text_index(guard_policies, policy) : DRIFT_REVERT;

	if (index < 0)
		return error_set(error, ERROR_PARAMETER_RANGE, "policy",
				 "'%.32s' is none of revert, adopt, report", policy);
	spec->policy = (uint8_t)index;
	return 0;
}

static int parse_management(const json_t *object, struct guard_spec *spec, struct error *error)
{
	const char *peer = json_member_text(object, "peer");
	uint32_t port = 0;
	int r = peer ? ip_prefix_parse(peer, &spec->peer, "peer", error) : 0;

	if (r >= 0)
		r = spec_member_u32(object, "port", &port, error);
	if (r < 0)
		return r;
	if (port > UINT16_MAX)
		return error_set(error, ERROR_PARAMETER_RANGE, "port", "%u is no port", port);
	spec->port = (uint16_t)port;
	if (spec->kind == GUARD_MANAGEMENT && !peer && !port)
		return error_set(error, ERROR_PARAMETER_MISSING, "peer",
				 "a guard of kind management needs 'peer' or 'port'");
	return 0;
}

static int guard_parse(const json_t *object, void *ret_spec, struct error *error)
{
	struct guard_spec *spec = ret_spec;
	int r = parse_name(object, spec, error);

	if (r >= 0)
		r = check_members(object, spec, error);
	if (r >= 0)
		r = parse_what(object, spec, error);
	if (r >= 0)
		r = parse_numbers(object, spec, error);
	if (r >= 0)
		r = parse_policy(object, spec, error);
	return r < 0 ? r : parse_management(object, spec, error);
}

static json_t *peer_json(const struct ip_prefix *peer)
{
	return peer->length == ip_family_bits(peer->address.family) ? json_address(&peer->address)
								    : json_prefix(peer);
}

static json_t *guard_print(const void *data)
{
	const struct guard_spec *spec = data;
	_cleanup_json_ json_t *json =
		json_pack("{s:s,s:s}", "name", spec->name, "kind", guard_kinds[spec->kind]);
	int r = json ? 0 : -ENOMEM;

	if (spec->resources[0])
		r |= json_put(json, "resources", json_string(spec->resources));
	if (spec->link[0])
		r |= json_put(json, "link", json_string(spec->link));
	if (spec->everyone)
		r |= json_put(json, "everyone", json_true());
	if (spec->kind == GUARD_LIMIT)
		r |= json_put(json, "count", json_integer(spec->count)) |
		     json_put(json, "seconds", json_integer(spec->seconds));
	if (spec->kind == GUARD_DRIFT)
		r |= json_put(json, "policy", json_string(guard_policies[spec->policy]));
	if (ip_address_is_set(&spec->peer.address))
		r |= json_put(json, "peer", peer_json(&spec->peer));
	if (spec->port)
		r |= json_put(json, "port", json_integer(spec->port));
	return r < 0 ? NULL : TAKE_PTR(json);
}

static void guard_key(const void *data, char buffer[RESOURCE_KEY_MAX])
{
	text_copy(buffer, RESOURCE_KEY_MAX, ((const struct guard_spec *)data)->name);
}

const struct resource_type guard_type = {
	.name = "guard",
	.order = 1,
	.spec_size = sizeof(struct guard_spec),
	.parse = guard_parse,
	.print = guard_print,
	.key = guard_key,
};
