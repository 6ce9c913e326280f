/* net.apply: a whole layout of links, routes and rules as one document. */
#include <stdio.h>
#include <string.h>

#include "common.h"
#include "layout_schema.h"

static const char *const device_members[] = {"bridge", "bond", "vlan", "macvlan", "veth", "vxlan"};
static const char *const link_members[] = {"up", "ignore_dead_routes", "promote_secondaries", "mtu",
					   "mac"};

struct layout {
	struct core *core;
	struct proposal *proposal;
	struct error *error;
	char path[64]; /* of the object that is read: "links[3]" */
};

/* ---- from the document to a proposal ---- */

/* Errors of a type name its member; here that becomes the path in the document. */
static int at_path(const struct layout *layout, const char *member, int r)
{
	struct error *error = layout->error;
	char full[2 * sizeof(error->parameter)];

	if (r >= 0 || !error)
		return r;
	snprintf(full, sizeof(full), "%s%s%s", layout->path, member[0] ? "." : "", member);
	if (!member[0] && error->parameter[0])
		snprintf(full, sizeof(full), "%s.%s", layout->path, error->parameter);
	text_copy(error->parameter, sizeof(error->parameter), full);
	return r;
}

/* Takes `spec`. `member` is where it stands in the object, "" for the object itself. */
static int put(struct layout *layout, const char *type, const char *member, json_t *spec)
{
	struct edit **tail = layout->proposal->tail;
	int r;

	if (!core_type(layout->core, type)) {
		json_decref(spec);
		r = error_set(layout->error, ERROR_KERNEL_UNSUPPORTED, NULL,
			      "This daemon has no resources of type %s", type);
		return at_path(layout, member, r);
	}
	r = proposal_put_json(layout->core, layout->proposal, type, spec, layout->error);
	if (r == 0 && proposal_edit(layout->proposal, (*tail)->id) != *tail)
		r = error_set(layout->error, ERROR_PARAMETER_CONFLICT, NULL,
			      "The document names %s twice", (*tail)->id);
	return at_path(layout, member, r);
}

/* Keeps what intent has as it is: 1 when there is such a resource, not derived from another. */
static int keep(struct layout *layout, const char *id)
{
	const struct resource *resource = core_resource(layout->core, id);

	if (!resource || resource->parent[0])
		return 0;
	if (proposal_edit(layout->proposal, id))
		return 1;
	if (proposal_put(layout->proposal, resource->type, resource->spec) < 0)
		return out_of_memory(layout->error);
	return 1;
}

/* A new object of these members of `from`; `*ret_some` tells whether it has any. */
static json_t *pick(const json_t *from, const char *const *names, size_t count, bool *ret_some)
{
	json_t *object = json_object();

	*ret_some = false;
	for (size_t i = 0; object && i < count; i++) {
		json_t *value = json_object_get(from, names[i]);

		if (!value)
			continue;
		*ret_some = true;
		if (json_object_set(object, names[i], value) < 0) {
			json_decref(object);
			return NULL;
		}
	}
	return object;
}

/* What a device was given before us, and the document does not speak of, stays. One that we made is
 * as the document says. */
static int keep_options(const struct layout *layout, const char *name, const char *kind,
			json_t *spec)
{
	const struct link *link = observed_link_by_name(core_observed(layout->core), name);
	struct device_spec wanted = {0}, present;
	const struct resource *resource;
	_cleanup_json_ json_t *before = NULL;
	char id[RESOURCE_KEY_MAX];
	json_t *options;

	snprintf(id, sizeof(id), "device/%s", name);
	resource = core_resource(layout->core, id);
	text_copy(wanted.name, sizeof(wanted.name), name);
	if ((resource && !resource->baseline) || !link || strcmp(link->info_kind, kind) != 0 ||
	    device_type.observe(layout->core, &wanted, &present) <= 0)
		return 0;
	before = device_type.print(&present);
	options = json_object_get(before, kind);
	if (!options)
		return before ? 0 : -ENOMEM;
	return json_object_get(spec, kind)
		       ? json_object_update_missing(json_object_get(spec, kind), options)
		       : json_object_set(spec, kind, options);
}

static json_t *device_json(const struct layout *layout, const json_t *link, const char *name,
			   json_t *kind)
{
	const char *member = json_string_value(kind);
	bool some;
	json_t *spec = pick(link, device_members, ARRAY_SIZE(device_members), &some);
	json_t *options = json_object_get(spec, member);

	/* The document itself stays as it is. */
	if (spec && (json_object_set(spec, "kind", kind) < 0 ||
		     json_put(spec, "name", json_string(name)) < 0 ||
		     (options && json_put(spec, member, json_copy(options)) < 0) ||
		     keep_options(layout, name, member, spec) < 0)) {
		json_decref(spec);
		return NULL;
	}
	return spec;
}

static int put_device(struct layout *layout, const json_t *link, const char *name)
{
	json_t *kind = json_object_get(link, "kind");
	char id[RESOURCE_KEY_MAX];
	json_t *spec;

	for (size_t i = 0; i < ARRAY_SIZE(device_members); i++)
		if (json_object_get(link, device_members[i]) &&
		    (!kind || strcmp(json_string_value(kind), device_members[i]) != 0))
			return at_path(layout, device_members[i],
				       error_set(layout->error, ERROR_PARAMETER_CONFLICT, NULL,
						 "\"%s\" needs kind %s", device_members[i],
						 device_members[i]));
	if (!kind) {
		snprintf(id, sizeof(id), "device/%s", name);
		return keep(layout, id);
	}
	spec = device_json(layout, link, name, kind);
	return spec ? put(layout, "device", "", spec) : out_of_memory(layout->error);
}

static int put_port(struct layout *layout, const json_t *link, const char *name)
{
	static const char *const members[] = {"controller", "vlans"};
	bool some;
	json_t *spec = pick(link, members, ARRAY_SIZE(members), &some);

	if (!some) {
		json_decref(spec);
		return spec ? 0 : out_of_memory(layout->error);
	}
	if (json_put(spec, "link", json_string(name)) < 0) {
		json_decref(spec);
		return out_of_memory(layout->error);
	}
	return put(layout, "port", "", spec);
}

/* A link that is used is switched on, as net.configure does; one that intent has keeps what the
 * document does not say of those two settings. */
static int put_link(struct layout *layout, const json_t *link, const char *name)
{
	char id[RESOURCE_KEY_MAX];
	bool some, up = !json_is_false(json_object_get(link, "up"));
	const struct resource *former;
	json_t *spec;
	int r = 0;

	snprintf(id, sizeof(id), "link/%s", name);
	former = core_resource(layout->core, id);
	spec = pick(link, link_members, ARRAY_SIZE(link_members), &some);
	if (spec && !some && former) {
		json_decref(spec);
		return keep(layout, id);
	}
	if (!spec || json_put(spec, "name", json_string(name)) < 0)
		r = -ENOMEM;
	if (r == 0 && former) {
		_cleanup_json_ json_t *before = former->type->print(former->spec);

		for (size_t i = 0; r == 0 && before && i < 3; i++)
			if (!json_object_get(spec, link_members[i]) &&
			    json_object_get(before, link_members[i]))
				r = json_object_set(spec, link_members[i],
						    json_object_get(before, link_members[i]));
		r = before ? r : -ENOMEM;
	}
	/* Both also where it stays down: its addresses change in the order that needs them. */
	for (size_t i = 0; r == 0 && i < 3; i++)
		if (!json_object_get(spec, link_members[i]))
			r = json_put(spec, link_members[i], json_boolean(i > 0 || up));
	if (r == 0)
		return put(layout, "link", "", spec);
	json_decref(spec);
	return out_of_memory(layout->error);
}

static int put_addresses(struct layout *layout, const json_t *link, const char *name)
{
	char member[32], id[RESOURCE_KEY_MAX + 16];
	json_t *item;
	size_t i;

	json_array_foreach(json_object_get(link, "addresses"), i, item) {
		struct address_spec spec = {.valid_until = USEC_INFINITY};
		int r;

		snprintf(member, sizeof(member), "addresses[%zu]", i);
		r = ip_prefix_parse(json_string_value(item), &spec.prefix, member, layout->error);
		text_copy(spec.link, sizeof(spec.link), name);
		if (r == 0)
			r = keep(layout, resource_id(&address_type, &spec, id));
		if (r == 0)
			r = put(layout, "address", member,
				json_pack("{ss sO}", "link", name, "address", item));
		if (r < 0)
			return r;
	}
	return 0;
}

static int put_dhcp(struct layout *layout, const json_t *link, const char *name)
{
	const json_t *dhcp = json_object_get(link, "dhcp");
	json_t *metric = json_object_get(link, "metric"), *spec;
	char id[RESOURCE_KEY_MAX];
	int r = 0;

	snprintf(id, sizeof(id), "dhcp/%s", name);
	if (json_is_false(dhcp) && core_resource(layout->core, id))
		return proposal_remove(layout->proposal, id) < 0 ? out_of_memory(layout->error) : 0;
	if (!dhcp || json_is_false(dhcp))
		return 0;
	spec = json_is_object(dhcp) ? json_deep_copy(dhcp) : json_object();
	if (!spec || json_put(spec, "link", json_string(name)) < 0)
		r = -ENOMEM;
	if (r == 0 && metric && !json_object_get(spec, "metric"))
		r = json_object_set(spec, "metric", metric);
	if (r == 0)
		return put(layout, "dhcp", "dhcp", spec);
	json_decref(spec);
	return out_of_memory(layout->error);
}

static json_t *metric_of(struct layout *layout, const json_t *link, const char *name)
{
	return json_integer(json_member_integer(link, "metric", 0)
				    ?: link_uplink_metric(layout->core, name));
}

static int put_resolver(struct layout *layout, const json_t *link, const char *name)
{
	json_t *dns = json_object_get(link, "dns"), *search = json_object_get(link, "search");
	json_t *spec;

	if (json_array_size(dns) == 0 && json_array_size(search) == 0)
		return 0;
	spec = json_pack("{ss so sO* sO*}", "link", name, "metric", metric_of(layout, link, name),
			 "servers", dns, "search", search);
	return spec ? put(layout, "resolver", "dns", spec) : out_of_memory(layout->error);
}

static int put_routes(struct layout *layout, const json_t *link, const char *name)
{
	json_t *gateway = json_object_get(link, "gateway"), *item;
	char member[32];
	size_t i;
	int r = 0;

	if (gateway)
		r = put(layout, "route", "gateway",
			json_pack("{ss ss sO so}", "link", name, "destination",
				  strchr(json_string_value(gateway), ':') ? "::/0" : "0.0.0.0/0",
				  "gateway", gateway, "metric", metric_of(layout, link, name)));
	json_array_foreach(json_object_get(link, "routes"), i, item) {
		json_t *spec = json_deep_copy(item);

		if (r < 0 || !spec || json_put(spec, "link", json_string(name)) < 0) {
			json_decref(spec);
			return r < 0 ? r : out_of_memory(layout->error);
		}
		snprintf(member, sizeof(member), "routes[%zu]", i);
		r = put(layout, "route", member, spec);
	}
	return r;
}

static int put_settings(struct layout *layout, const json_t *link, const char *name)
{
	char member[64];
	const char *setting;
	json_t *value;

	json_object_foreach(json_object_get(link, "settings"), setting, value) {
		int r;

		snprintf(member, sizeof(member), "settings.%.48s", setting);
		r = put(layout, "setting", member,
			json_pack("{ss ss sO}", "link", name, "name", setting, "value", value));
		if (r < 0)
			return r;
	}
	return 0;
}

/* The loopback is nobody's alone: addresses on it are usual. */
static int check_link(struct layout *layout, const struct tool_call *call, const json_t *entry)
{
	const char *name = json_member_text(entry, "name");
	const struct link *link = observed_link_by_name(core_observed(layout->core), name);

	if (!link || link_ownership(layout->core, link, NULL) == LINK_IGNORED)
		return 0;
	return at_path(layout, "name", check_link_ours(call, link, layout->error));
}

static int put_on_link(struct layout *layout, const json_t *link)
{
	static int (*const parts[])(struct layout * layout, const json_t *link,
				    const char *name) = {
		put_device, put_port,	  put_link,   put_addresses,
		put_dhcp,   put_resolver, put_routes, put_settings,
	};
	const char *name = json_member_text(link, "name");
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(parts) && r >= 0; i++)
		r = parts[i](layout, link, name);
	return r < 0 ? r : 0;
}

/* ---- what the document does not name ---- */

static bool is_of_agent(const struct resource *resource)
{
	return layout_has_place(resource) && !resource->parent[0] &&
	       (strncmp(resource->provenance.owner, "uid:", 4) == 0 ||
		strncmp(resource->provenance.owner, "agent:", 6) == 0);
}

static bool names_link(const json_t *links, const char *name)
{
	const json_t *link;
	size_t i;

	json_array_foreach(links, i, link)
		if (strcmp(json_member_text(link, "name"), name) == 0)
			return true;
	return false;
}

/* Whether the document names the link that a resource belongs to: 1 or 0, or -ENOMEM. */
static int belongs_to_named(const struct resource *resource, const json_t *links)
{
	_cleanup_json_ json_t *spec = NULL;
	const char *name;

	/* There may be thousands of them: they are not printed for this. */
	if (resource->type == &route_type)
		return names_link(links,
				  ((const struct route_spec *)(const void *)resource->spec)->link);
	spec = resource->type->print(resource->spec);
	if (!spec)
		return -ENOMEM;
	name = json_member_text(spec, "link") ?: json_member_text(spec, "name");
	return name && names_link(links, name);
}

static int remove_unnamed(struct layout *layout, const json_t *links, bool replace)
{
	const struct resource *resource = NULL;

	if (!replace && json_array_size(links) == 0)
		return 0;
	while ((resource = core_next_resource(layout->core, resource))) {
		int goes;

		if (!is_of_agent(resource) || proposal_edit(layout->proposal, resource->id))
			continue;
		goes = replace ? 1 : belongs_to_named(resource, links);
		if (goes < 0 || (goes && proposal_remove(layout->proposal, resource->id) < 0))
			return out_of_memory(layout->error);
	}
	return 0;
}

int layout_propose(struct tool_call *call, const json_t *document, struct proposal *proposal,
		   struct error *error)
{
	static const struct {
		const char *list, *type;
	} loose[] = {{"routes", "route"}, {"rules", "rule"}};
	const json_t *links = json_object_get(document, "links");
	json_t *item;
	struct layout layout = {tool_call_core(call), proposal, error, ""};
	size_t i;
	int r = 0;

	json_array_foreach(links, i, item) {
		snprintf(layout.path, sizeof(layout.path), "links[%zu]", i);
		r = check_link(&layout, call, item);
		if (r == 0)
			r = put_on_link(&layout, item);
		if (r < 0)
			return r;
	}
	for (size_t kind = 0; kind < ARRAY_SIZE(loose); kind++)
		json_array_foreach(json_object_get(document, loose[kind].list), i, item) {
			snprintf(layout.path, sizeof(layout.path), "%s[%zu]", loose[kind].list, i);
			r = put(&layout, loose[kind].type, "", json_incref(item));
			if (r < 0)
				return r;
		}
	return remove_unnamed(&layout, links,
			      strcmp(json_member_text(document, "mode") ?: "merge", "replace") ==
				      0);
}

static int propose_apply(struct tool_call *call, struct proposal *proposal, struct error *error)
{
	return layout_propose(call, tool_call_arguments(call), proposal, error);
}

static const struct tool tools[] = {
	{
		.name = "net.apply",
		.title = "Apply a layout",
		.description =
			"Makes a whole layout of links, routes and rules so, in one transaction. "
			"What "
			"the host configured by itself stays unless the document says otherwise.",
		.parameters = layout_members,
		.hints = HINT_DESTRUCTIVE | HINT_IDEMPOTENT,
		.risk = RISK_HIGH,
		.role = ROLE_AGENT,
		.time_limit = 30000,
		.undoable = true,
		.propose = propose_apply,
	},
};

const struct tool_set layout_tools = {tools, ARRAY_SIZE(tools)};
