/* net.neighbors: who is on the links, by hardware address. */
#include <linux/neighbour.h>
#include <stdio.h>
#include <string.h>

#include "common.h"
#include "page.h"

/* NUD_* and its words. */
static const struct {
	uint16_t state;
	const char *text;
} neighbour_states[] = {
	{NUD_INCOMPLETE, "incomplete"}, {NUD_REACHABLE, "reachable"}, {NUD_STALE, "stale"},
	{NUD_DELAY, "delay"},		{NUD_PROBE, "probe"},	      {NUD_FAILED, "failed"},
	{NUD_NOARP, "noarp"},		{NUD_PERMANENT, "permanent"},
};

static const char *const state_values[] = {"incomplete", "reachable", "stale",	   "delay", "probe",
					   "failed",	 "noarp",     "permanent", NULL};

static const struct field list_parameters[] = {
	{"link", FIELD_LINK, .help = "Only on this interface"},
	{"family", FIELD_TEXT, .values = family_values, .help = "Only of this family"},
	{"address", FIELD_ADDRESS, .help = "Only this address"},
	{"state", FIELD_TEXT, .values = state_values,
	 .help = "Only in this state; without it all but noarp"},
	LISTING_PARAMETERS("200"),
	FIELD_END,
};

static const struct field neighbour_members[] = {
	{"address", FIELD_ADDRESS, .required = true, .help = "IP address"},
	{"mac", FIELD_MAC, .help = "Hardware address; absent where nobody answered"},
	{"link", FIELD_LINK, .required = true, .help = LINK_HELP},
	{"state", FIELD_TEXT, .required = true,
	 .help = "reachable: answered lately; stale: did once; incomplete, failed: no answer"},
	{"router", FIELD_BOOLEAN, .help = "It says that it is a router (IPv6)"},
	FIELD_END,
};

static const struct field list_output[] = {
	{"neighbors", FIELD_OBJECT, .list = true, .required = true, .members = neighbour_members,
	 .help = "By link and address"},
	LISTING_TOTAL,
	FIELD_END,
};

static const char *state_text(uint16_t state)
{
	for (size_t i = 0; i < ARRAY_SIZE(neighbour_states); i++)
		if (neighbour_states[i].state & state)
			return neighbour_states[i].text;
	return "none";
}

static json_t *neighbour_json(const struct tool_call *call, const void *item)
{
	const struct neighbour *neighbour = item;
	json_t *json = json_object();
	int r = json_put(json, "address", json_address(&neighbour->address)) |
		json_put(json, "link", json_string(link_name_of(call, neighbour->link))) |
		json_put(json, "state", json_string(state_text(neighbour->state)));

	if (neighbour->mac.length > 0)
		r |= json_put(json, "mac", json_mac(&neighbour->mac));
	if (neighbour->flags & NTF_ROUTER)
		r |= json_put(json, "router", json_true());
	if (r == 0)
		return json;
	json_decref(json);
	return NULL;
}

struct query {
	struct page page;
	int link; /* index, 0 for any */
	int family;
	struct ip_address address;
	const char *state;
};

static void query_clear(struct query *query)
{
	page_clear(&query->page);
}

static bool passes(const struct query *query, const struct neighbour *neighbour)
{
	return (!query->link || neighbour->link == query->link) &&
	       (!query->family || neighbour->address.family == query->family) &&
	       (!ip_address_is_set(&query->address) ||
		ip_address_equal(&query->address, &neighbour->address)) &&
	       (query->state ? strcmp(query->state, state_text(neighbour->state)) == 0
			     : neighbour->state != NUD_NOARP);
}

static int compare_neighbours(const void *left, const void *right)
{
	const struct neighbour *a = left, *b = right;

	if (a->link != b->link)
		return a->link - b->link;
	if (a->address.family != b->address.family)
		return (int)a->address.family - (int)b->address.family;
	return memcmp(a->address.bytes, b->address.bytes, sizeof(a->address.bytes));
}

static int take_neighbour(const struct nlmsghdr *message, void *userdata)
{
	struct query *query = userdata;
	union object object;
	enum object_kind kind;

	if (netlink_parse(message, &kind, &object) == 0 && kind == OBJECT_NEIGHBOUR &&
	    passes(query, &object.neighbour))
		page_add(&query->page, &object.neighbour);
	return 0;
}

/* The mirror keeps few: the kernel is asked. */
static int call_neighbours(struct tool_call *call, json_t **ret, struct error *error)
{
	const json_t *arguments = tool_call_arguments(call);
	const char *name = json_member_text(arguments, "link");
	_cleanup_(query_clear) struct query query = {
		.family = argument_family(call),
		.address = argument_address(call, "address"),
		.state = json_member_text(arguments, "state"),
	};
	uint8_t buffer[NETLINK_MESSAGE_MAX];
	const struct link *link = NULL;
	int r = name ? find_link(call, name, &link, error) : 0;

	if (r < 0)
		return r;
	query.link = link ? link->index : 0;
	page_init(&query.page, call, sizeof(struct neighbour), compare_neighbours);
	r = netlink_query(core_netlink(tool_call_core(call)),
			  netlink_build_dump(buffer, OBJECT_NEIGHBOUR, query.link), take_neighbour,
			  &query);
	/* Neighbours that came or went meanwhile do not matter. */
	if (r < 0 && r != -EAGAIN)
		return error_set(error, ERROR_INTERNAL, NULL, "the kernel does not list them: %s",
				 strerror(-r));
	return page_to_json(&query.page, call, "neighbors", neighbour_json, ret, error);
}

static char *summarise(const json_t *result)
{
	char *text;
	int n = asprintf(&text, "%zu of %" PRId64 " neighbors",
			 json_array_size(json_object_get(result, "neighbors")),
			 json_member_integer(result, "total", 0));

	return n < 0 ? NULL : text;
}

static const struct tool tools[] = {
	{
		.name = "net.neighbors",
		.title = "List neighbors",
		.description =
			"Lists the hosts that the kernel knows on its links (ARP and neighbour "
			"discovery). It asks nobody: use net.ping to learn of one.",
		.parameters = list_parameters,
		.output = list_output,
		.hints = HINT_READ_ONLY | HINT_IDEMPOTENT,
		.risk = RISK_NONE,
		.role = ROLE_OBSERVER,
		.time_limit = 1000,
		.call = call_neighbours,
		.summarise = summarise,
	},
};

const struct tool_set neighbour_tools = {tools, ARRAY_SIZE(tools)};
