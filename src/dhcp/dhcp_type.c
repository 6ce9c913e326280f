/*
 * Resource type `dhcp`: a client runs on the link. What it obtains is not part of the resource but
 * derives from it.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "service-internal.h"

static const struct {
	const char *key;
	size_t offset;
} truths[] = {
	{"use_dns", offsetof(struct dhcp_spec, use_dns)},
	{"use_routes", offsetof(struct dhcp_spec, use_routes)},
	{"use_mtu", offsetof(struct dhcp_spec, use_mtu)},
	{"allow_ipv6_only", offsetof(struct dhcp_spec, allow_ipv6_only)},
	{"as_found", offsetof(struct dhcp_spec, as_found)},
	{"release", offsetof(struct dhcp_spec, release)},
	{"link_local", offsetof(struct dhcp_spec, link_local)},
};

static const char *const identities[] = {
	[DHCP_IDENTITY_DUID] = "duid",
	[DHCP_IDENTITY_MAC] = "mac",
	[DHCP_IDENTITY_EXACT] = "exact",
};

struct dhcp_spec dhcp_spec_default(const char *link)
{
	struct dhcp_spec spec;

	memset(&spec, 0, sizeof(spec));
	text_copy(spec.link, sizeof(spec.link), link);
	spec.use_dns = spec.use_routes = spec.use_mtu = spec.link_local = true;
	return spec;
}

static int identity_parse(const json_t *object, struct dhcp_spec *spec, struct error *error)
{
	const char *text = json_member_text(object, "identity");

	for (unsigned i = 0; text && i < ARRAY_SIZE(identities); i++) {
		if (strcmp(identities[i], text) == 0) {
			spec->identity = i;
			return 0;
		}
	}
	return text ? error_set(error, ERROR_PARAMETER_RANGE, "identity",
				"'%.32s' is no kind of client identity", text)
		    : 0;
}

/* Pairs of hexadecimal digits, "" for none. */
static int client_id_parse(const json_t *object, struct dhcp_spec *spec, struct error *error)
{
	const char *text = json_member_text(object, "client_id") ?: "";
	size_t length = strlen(text);
	bool valid = length % 2 == 0 && length / 2 <= sizeof(spec->client_id);

	for (size_t i = 0; valid && i < length; i += 2) {
		valid = isxdigit((unsigned char)text[i]) && isxdigit((unsigned char)text[i + 1]);
		if (valid)
			sscanf(text + i, "%2hhx", &spec->client_id[i / 2]);
	}
	spec->client_id_length = (uint8_t)(valid ? length / 2 : 0);
	return valid ? 0
		     : error_set(error, ERROR_NAME_INVALID, "client_id",
				 "'%.64s' is no client identifier", text);
}

static char *client_id_print(const struct dhcp_spec *spec, char buffer[])
{
	buffer[0] = '\0';
	for (unsigned i = 0; i < spec->client_id_length; i++)
		sprintf(buffer + (size_t)2 * i, "%02x", spec->client_id[i]);
	return buffer;
}

static int hostname_parse(const json_t *object, struct dhcp_spec *spec, struct error *error)
{
	const char *text = json_member_text(object, "hostname") ?: "";
	bool valid = text_copy(spec->hostname, sizeof(spec->hostname), text);

	for (const char *c = text; *c; c++)
		valid &= isalnum((unsigned char)*c) || *c == '-' || *c == '.';
	return valid ? 0
		     : error_set(error, ERROR_NAME_INVALID, "hostname", "'%.64s' is no host name",
				 text);
}

static int dhcp_parse(const json_t *object, void *ret_spec, struct error *error)
{
	struct dhcp_spec *spec = ret_spec;
	char link[IFNAMSIZ];
	int r = spec_member_link(object, "link", link, error);

	if (r < 0)
		return r;
	*spec = dhcp_spec_default(link);
	r = spec_member_u32(object, "metric", &spec->metric, error);
	for (unsigned i = 0; r >= 0 && i < ARRAY_SIZE(truths); i++)
		r = spec_member_bool(object, truths[i].key,
				     (bool *)((char *)spec + truths[i].offset), error);
	if (r >= 0)
		r = identity_parse(object, spec, error);
	if (r >= 0)
		r = client_id_parse(object, spec, error);
	if (r >= 0)
		r = fallback_parse(json_object_get(object, "fallback"), &spec->fallback, error);
	return r < 0 ? r : hostname_parse(object, spec, error);
}

static json_t *dhcp_print(const void *data)
{
	const struct dhcp_spec *spec = data;
	_cleanup_json_ json_t *json =
		json_pack("{s:s,s:I,s:s}", "link", spec->link, "metric", (json_int_t)spec->metric,
			  "identity", identities[spec->identity]);
	char id[2 * DHCP_CLIENT_ID_MAX + 1];
	int r = 0;

	if (spec->identity == DHCP_IDENTITY_EXACT)
		r |= json_put(json, "client_id", json_string(client_id_print(spec, id)));
	if (spec->fallback.address.s_addr)
		r |= json_put(json, "fallback", fallback_print(&spec->fallback));
	if (spec->hostname[0])
		r |= json_put(json, "hostname", json_string(spec->hostname));
	for (unsigned i = 0; i < ARRAY_SIZE(truths); i++)
		r |= json_put(json, truths[i].key,
			      json_boolean(*(const bool *)((const char *)spec + truths[i].offset)));
	return r < 0 ? NULL : TAKE_PTR(json);
}

static void dhcp_key(const void *data, char buffer[RESOURCE_KEY_MAX])
{
	text_copy(buffer, RESOURCE_KEY_MAX, ((const struct dhcp_spec *)data)->link);
}

static unsigned dhcp_needs(const void *data, const char *ret[RESOURCE_LINKS_MAX])
{
	ret[0] = ((const struct dhcp_spec *)data)->link;
	return 1;
}

static int dhcp_observe(struct core *core, const void *wanted, void *ret_spec)
{
	const struct dhcp_spec *spec = wanted, *running;

	running = service_running(core_type_userdata(core, &dhcp_type), spec->link);
	if (running) {
		memcpy(ret_spec, running, sizeof(*running));
		return 1;
	}
	return observed_link_by_name(core_observed(core), spec->link) ? 0 : -ENODEV;
}

bool dhcp_spec_same_identity(const struct dhcp_spec *a, const struct dhcp_spec *b)
{
	return a->identity == b->identity && a->client_id_length == b->client_id_length &&
	       memcmp(a->client_id, b->client_id, a->client_id_length) == 0;
}

static bool dhcp_satisfied(const void *wanted, const void *observed)
{
	const struct dhcp_spec *w = wanted, *o = observed;
	bool same = strcmp(w->link, o->link) == 0 && w->metric == o->metric &&
		    dhcp_spec_same_identity(w, o) && strcmp(w->hostname, o->hostname) == 0 &&
		    fallback_equal(&w->fallback, &o->fallback);

	for (unsigned i = 0; i < ARRAY_SIZE(truths); i++)
		same = same && *(const bool *)((const char *)w + truths[i].offset) ==
				       *(const bool *)((const char *)o + truths[i].offset);
	return same;
}

static int dhcp_apply(struct core *core, const void *before, const void *after, struct error *error)
{
	struct dhcp_service *service = core_type_userdata(core, &dhcp_type);

	if (after)
		return service_run_client(service, after, error);
	if (before)
		service_end_client(service, before);
	return 0;
}

const struct resource_type dhcp_type = {
	.name = "dhcp",
	.order = 50,
	.internal = true,
	.spec_size = sizeof(struct dhcp_spec),
	.parse = dhcp_parse,
	.print = dhcp_print,
	.key = dhcp_key,
	.needs = dhcp_needs,
	.observe = dhcp_observe,
	.satisfied = dhcp_satisfied,
	.apply = dhcp_apply,
};
