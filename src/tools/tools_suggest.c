/* net.suggest: what to configure on a link where no DHCP server answers. */
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>

#include "probe.h"
#include "suggest/suggest.h"

static const struct field suggest_parameters[] = {
	{"link", FIELD_LINK, .required = true, .help = LINK_HELP},
	{"listen_seconds", FIELD_INTEGER, .unit = "s", .least = 1, .most = 120, .fallback = "10",
	 .help = "How long it listens before it asks"},
	FIELD_END,
};

static const struct field alternative_members[] = {
	{"address", FIELD_INTERFACE_ADDRESS, .help = "That nobody was heard to use"},
	{"gateway", FIELD_ADDRESS, .help = "The likeliest"},
	{"prefix", FIELD_PREFIX, .required = true, .help = "The subnet"},
	{"confidence", FIELD_NUMBER, .required = true, .help = "0 to 1"},
	FIELD_END,
};

static const struct field suggest_output[] = {
	{"link", FIELD_TEXT, .required = true, .help = "Where it listened"},
	{"address", FIELD_INTERFACE_ADDRESS,
	 .help = "For `addresses` of net.configure with method static: nobody answered for it"},
	{"gateway", FIELD_ADDRESS, .help = "For `gateway` of net.configure"},
	{"prefix", FIELD_PREFIX, .required = true, .help = "The subnet"},
	{"dns", FIELD_ADDRESS, .list = true, .required = true,
	 .help = "Name servers that were told of; empty where none was"},
	{"confidence", FIELD_NUMBER, .required = true,
	 .help = "0 (nothing heard: the address is a link-local one) to 1"},
	{"evidence", FIELD_TEXT, .list = true, .required = true, .help = "What speaks for it"},
	{"alternatives", FIELD_OBJECT, .list = true, .required = true,
	 .members = alternative_members, .help = "Other subnets of the wire; not probed"},
	{"dhcp_server", FIELD_BOOLEAN, .required = true,
	 .help = "A server was overheard: method dhcp is better"},
	{"gateway_answered", FIELD_BOOLEAN, .required = true,
	 .help = "The gateway answered an ARP probe"},
	{"address_probed", FIELD_BOOLEAN, .required = true,
	 .help = "The address was probed, and nobody answered"},
	{"observations", FIELD_INTEGER, .required = true, .help = "Frames that told something"},
	{"packets_sent", FIELD_INTEGER, .required = true, .help = "ARP probes, 64 at most"},
	FIELD_END,
};

struct suggest_call {
	struct tool_call *call;
	struct listen *listen;
};

static void suggest_call_stop(void *state)
{
	struct suggest_call *suggest = state;

	if (suggest->listen)
		listen_cancel(suggest->listen);
	free(suggest);
}

static int put_subnet(json_t *json, const struct suggested_subnet *subnet)
{
	const struct ip_prefix network = {ip_address_v4(subnet->network.s_addr), subnet->prefix};
	const struct ip_prefix address = {ip_address_v4(subnet->address.s_addr), subnet->prefix};
	const struct ip_address gateway = ip_address_v4(subnet->gateway.s_addr);
	int r = json_put(json, "prefix", json_prefix(&network)) |
		json_put(json, "confidence", json_real(subnet->confidence));

	if (subnet->address.s_addr)
		r |= json_put(json, "address", json_prefix(&address));
	if (subnet->gateway.s_addr)
		r |= json_put(json, "gateway", json_address(&gateway));
	return r;
}

static int put_lists(json_t *json, const struct suggestion *suggestion)
{
	json_t *dns = json_array(), *evidence = json_array(), *alternatives = json_array();
	const struct ip_address server = ip_address_v4(suggestion->dns.s_addr);
	int r = 0;

	if (suggestion->dns.s_addr)
		r |= json_array_append_new(dns, json_address(&server));
	for (unsigned i = 0; i < suggestion->evidence_count; i++)
		r |= json_array_append_new(evidence, json_string(suggestion->evidence[i]));
	for (unsigned i = 0; i < suggestion->alternatives_count; i++) {
		json_t *each = json_object();

		r |= put_subnet(each, &suggestion->alternatives[i]);
		r |= json_array_append_new(alternatives, each);
	}
	r |= json_put(json, "dns", dns);
	r |= json_put(json, "evidence", evidence);
	r |= json_put(json, "alternatives", alternatives);
	return r;
}

static json_t *result_json(const struct listen_result *result, const char *link)
{
	_cleanup_json_ json_t *json = json_object();
	const struct suggestion *suggestion = &result->suggestion;
	int r = put_subnet(json, &suggestion->best) | put_lists(json, suggestion) |
		json_put(json, "link", json_string(link)) |
		json_put(json, "dhcp_server", json_boolean(suggestion->dhcp_server)) |
		json_put(json, "gateway_answered", json_boolean(result->gateway_answered)) |
		json_put(json, "address_probed", json_boolean(result->address_probed)) |
		json_put(json, "observations", json_integer((json_int_t)result->observations)) |
		json_put(json, "packets_sent", json_integer(result->sent));

	return r < 0 ? NULL : TAKE_PTR(json);
}

static bool has_carrier(const struct tool_call *call, const char *name)
{
	const struct link *link = observed_link_by_name(core_observed(tool_call_core(call)), name);

	return link && link->carrier;
}

static void on_listened(const struct listen_result *result, void *userdata)
{
	struct suggest_call *suggest = userdata;
	const json_t *arguments = tool_call_arguments(suggest->call);
	const char *link = json_member_text(arguments, "link");
	struct error error = {0};
	json_t *json = NULL;

	suggest->listen = NULL;
	if (result->errnum) {
		error_set(&error, ERROR_KERNEL_REFUSED, "link", "%s could not be listened to: %s",
			  link, strerror(result->errnum));
	} else if (!has_carrier(suggest->call, link)) {
		error_set(&error, ERROR_LINK_BUSY, "link",
			  "%s lost its carrier: it was not heard to the end", link);
	} else {
		json = result_json(result, link);
		if (!json)
			out_of_memory(&error);
	}
	if (json)
		tool_call_complete(suggest->call, json);
	else
		tool_call_fail(suggest->call, &error);
}

static int check_link(const struct link *link, struct error *error)
{
	int r;

	if (link->type != ARPHRD_ETHER || link->mac.length != 6)
		return error_set(error, ERROR_KERNEL_UNSUPPORTED, "link",
				 "%s is no Ethernet link: there is nothing to hear", link->name);
	if (link->carrier)
		return 0;
	r = error_set(error, ERROR_LINK_BUSY, "link", "%s is down or has no carrier", link->name);
	error_hint(error, "net.configure with method auto switches it on");
	return r;
}

static int call_suggest(struct tool_call *call, json_t **ret, struct error *error)
{
	const json_t *arguments = tool_call_arguments(call);
	usec_t duration =
		(usec_t)json_member_integer(arguments, "listen_seconds", 10) * USEC_PER_SEC;
	struct suggest_call *suggest;
	const struct link *link;
	int r = find_link(call, json_member_text(arguments, "link"), &link, error);

	if (r == 0)
		r = check_link(link, error);
	if (r < 0)
		return r;
	suggest = calloc(1, sizeof(*suggest));
	if (!suggest)
		return out_of_memory(error);
	suggest->call = call;
	r = listen_start(&suggest->listen, tool_call_event(call), link->index, &link->mac, duration,
			 on_listened, suggest, error);
	if (r < 0) {
		suggest_call_stop(suggest);
		return r;
	}
	tool_call_set_state(call, suggest, suggest_call_stop);
	return TOOL_LATER;
}

static char *summarise_suggest(const json_t *result)
{
	const char *address = json_member_text(result, "address");
	const char *gateway = json_member_text(result, "gateway");
	char *text;
	int n = asprintf(&text, "%s, gateway %s (confidence %.2f: %s)",
			 address ? address : "no free address", gateway ? gateway : "unknown",
			 json_number_value(json_object_get(result, "confidence")),
			 json_string_value(json_array_get(json_object_get(result, "evidence"), 0)));

	return n < 0 ? NULL : text;
}

static const struct tool tools[] = {
	{
		.name = "net.suggest",
		.title = "Suggest a static configuration",
		.description =
			"For a link where no DHCP server answers: listens to what the network says "
			"of itself, sends at most 64 ARP probes, and suggests an address that "
			"nobody has, the prefix and the gateway, with the evidence. Hand it to "
			"net.configure (method static) and verify with net.ping of the gateway.",
		.parameters = suggest_parameters,
		.output = suggest_output,
		.hints = HINT_READ_ONLY | HINT_OPEN_WORLD,
		.risk = RISK_LOW,
		.role = ROLE_AGENT,
		.time_limit = 150000,
		.call = call_suggest,
		.summarise = summarise_suggest,
	},
};

const struct tool_set suggest_tools = {tools, ARRAY_SIZE(tools)};
