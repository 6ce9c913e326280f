/*
 * Resource type `resolver`: the name servers and search domains that a link, or an administrator,
 * offers. Applying one writes resolv.conf anew from all of them.
 */
#include <ctype.h>
#include <string.h>

#include "dns-internal.h"

/* A domain name as resolv.conf may hold it: letters, digits, hyphens, underscores and dots. It
 * comes from the wire, so nothing else may ever get into the file. */
static bool domain_valid(const char *name)
{
	size_t length = strlen(name);

	if (length == 0 || length >= RESOLVER_NAME_MAX || name[0] == '.' || name[0] == '-')
		return false;
	for (const char *c = name; *c; c++)
		if (!isalnum((unsigned char)*c) && *c != '-' && *c != '_' && *c != '.')
			return false;
	return true;
}

static int list_too_long(const char *key, unsigned most, struct error *error)
{
	return error_set(error, ERROR_PARAMETER_RANGE, key, "'%s' holds at most %u entries", key,
			 most);
}

static int servers_parse(const json_t *array, struct resolver_spec *spec, struct error *error)
{
	const json_t *entry;
	size_t i;

	if (json_array_size(array) > RESOLVER_SERVERS_MAX)
		return list_too_long("servers", RESOLVER_SERVERS_MAX, error);
	json_array_foreach(array, i, entry) {
		int r = ip_address_parse(json_string_value(entry) ?: "", &spec->servers[i],
					 "servers", error);

		if (r < 0)
			return r;
		spec->servers_count++;
	}
	return 0;
}

static int search_parse(const json_t *array, struct resolver_spec *spec, struct error *error)
{
	const json_t *entry;
	size_t i;

	if (json_array_size(array) > RESOLVER_SEARCH_MAX)
		return list_too_long("search", RESOLVER_SEARCH_MAX, error);
	json_array_foreach(array, i, entry) {
		const char *name = json_string_value(entry) ?: "";

		if (!domain_valid(name))
			return error_set(error, ERROR_NAME_INVALID, "search",
					 "'%.64s' is no domain name", name);
		if (!text_list_add(spec->search, sizeof(spec->search), &spec->search_count, name))
			return error_set(error, ERROR_PARAMETER_RANGE, "search",
					 "the search domains are longer than %u characters in all",
					 RESOLVER_SEARCH_SIZE - RESOLVER_SEARCH_MAX);
	}
	return 0;
}

static int resolver_parse(const json_t *object, void *ret_spec, struct error *error)
{
	struct resolver_spec *spec = ret_spec;
	int r = spec_member_link(object, "link", spec->link, error);

	if (r >= 0)
		r = spec_member_u32(object, "metric", &spec->metric, error);
	if (r >= 0)
		r = servers_parse(json_object_get(object, "servers"), spec, error);
	return r < 0 ? r : search_parse(json_object_get(object, "search"), spec, error);
}

static json_t *resolver_print(const void *data)
{
	const struct resolver_spec *spec = data;
	_cleanup_json_ json_t *json = json_pack("{s:s,s:I,s:[],s:[]}", "link", spec->link, "metric",
						(json_int_t)spec->metric, "servers", "search");

	for (unsigned i = 0; i < spec->servers_count; i++)
		if (json_array_append_new(json_object_get(json, "servers"),
					  json_address(&spec->servers[i])) < 0)
			return NULL;
	for (unsigned i = 0; i < spec->search_count; i++)
		if (json_array_append_new(json_object_get(json, "search"),
					  json_string(text_list_at(spec->search, i))) < 0)
			return NULL;
	return TAKE_PTR(json);
}

static void resolver_key(const void *data, char buffer[RESOURCE_KEY_MAX])
{
	const struct resolver_spec *spec = data;

	text_copy(buffer, RESOURCE_KEY_MAX, spec->link);
}

static int resolver_observe(struct core *core, const void *wanted, void *ret_spec)
{
	const struct resolver_spec *spec = wanted;
	const struct resolver_spec *held =
		dns_service_held(core_type_userdata(core, &resolver_type), spec->link);

	if (!held)
		return 0;
	memcpy(ret_spec, held, sizeof(*held));
	return 1;
}

static bool resolver_satisfied(const void *wanted, const void *observed)
{
	const struct resolver_spec *w = wanted, *o = observed;

	if (strcmp(w->link, o->link) != 0 || w->metric != o->metric ||
	    w->servers_count != o->servers_count || w->search_count != o->search_count)
		return false;
	for (unsigned i = 0; i < w->servers_count; i++)
		if (!ip_address_equal(&w->servers[i], &o->servers[i]))
			return false;
	for (unsigned i = 0; i < w->search_count; i++)
		if (strcmp(text_list_at(w->search, i), text_list_at(o->search, i)) != 0)
			return false;
	return true;
}

static int resolver_apply(struct core *core, const void *before, const void *after,
			  struct error *error)
{
	struct dns_service *service = core_type_userdata(core, &resolver_type);
	const struct resolver_spec *spec = after ?: before;

	return spec ? dns_service_hold(service, spec->link, after, error) : 0;
}

const struct resource_type resolver_type = {
	.name = "resolver",
	.order = 40,
	.spec_size = sizeof(struct resolver_spec),
	.parse = resolver_parse,
	.print = resolver_print,
	.key = resolver_key,
	.observe = resolver_observe,
	.satisfied = resolver_satisfied,
	.apply = resolver_apply,
};
