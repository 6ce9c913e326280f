/* net.dns_lookup: what a name server says of a name. */
#include <stdio.h>

#include "probe.h"

static const struct field lookup_parameters[] = {
	{"domain", FIELD_TEXT, .required = true, .least = 1, .most = 254,
	 .help = "The name; with type PTR an address will do"},
	{"type", FIELD_TEXT, .least = 1, .most = 16, .fallback = "\"A\"",
	 .help = "A, AAAA, CNAME, MX, NS, TXT, SOA, PTR, SRV, CAA, HTTPS, SVCB, DS, DNSKEY, "
		 "RRSIG, NSEC, NAPTR, TLSA, SSHFP, DNAME, ANY or TYPE with a number"},
	{"server", FIELD_ADDRESS, .help = "Which one is asked; without it those of this host"},
	{"port", FIELD_INTEGER, .least = 1, .most = 65535, .fallback = "53",
	 .help = "Of the server"},
	{"timeout", FIELD_INTEGER, .unit = "ms", .least = 10, .most = 30000, .fallback = "5000",
	 .help = "For all of it"},
	{"link", FIELD_LINK, .help = "Leave by this interface only"},
	{"recursion", FIELD_BOOLEAN, .fallback = "true",
	 .help = "Let the server ask others; false shows what it knows itself"},
	{"dnssec", FIELD_BOOLEAN, .fallback = "false", .help = "Ask for the signatures, too"},
	{"checking_disabled", FIELD_BOOLEAN, .fallback = "false",
	 .help = "Ask for the answer even where its signatures do not hold"},
	{"tcp", FIELD_BOOLEAN, .fallback = "false", .help = "Ask over TCP from the start"},
	FIELD_END,
};

static const struct field record_members[] = {
	{"name", FIELD_TEXT, .required = true, .help = "Owner of the record"},
	{"type", FIELD_TEXT, .required = true, .help = "A, MX, ..."},
	{"ttl", FIELD_INTEGER, .required = true, .unit = "s", .help = "How long it may be kept"},
	{"data", FIELD_OBJECT, .required = true,
	 .help = "The fields of its type, such as {\"address\": ...} of A"},
	FIELD_END,
};

static const char *const transport_values[] = {"udp", "tcp", NULL};

static const struct field lookup_output[] = {
	{"name", FIELD_TEXT, .required = true, .help = "As it was asked for"},
	{"type", FIELD_TEXT, .required = true, .help = "That was asked for"},
	{"servers_asked", FIELD_INTEGER, .required = true, .help = "Until one answered"},
	{"server", FIELD_ADDRESS, .required = true, .help = "The one that answered"},
	{"latency_ms", FIELD_NUMBER, .required = true, .unit = "ms", .help = "Of that server"},
	{"transport", FIELD_TEXT, .required = true, .values = transport_values,
	 .help = "tcp where the answer did not fit a datagram"},
	{"rcode", FIELD_TEXT, .required = true, .help = "NOERROR"},
	{"flags", FIELD_TEXT, .list = true, .required = true,
	 .help = "aa: from the authority, tc: cut, rd and ra: recursion wanted and offered, "
		 "ad: verified by DNSSEC, cd: unchecked"},
	{"answers", FIELD_OBJECT, .list = true, .required = true, .members = record_members,
	 .help = "None where the name has no record of the type"},
	{"authority", FIELD_OBJECT, .list = true, .required = true, .members = record_members,
	 .help = "Who is responsible"},
	{"additional", FIELD_OBJECT, .list = true, .required = true, .members = record_members,
	 .help = "What the server added"},
	FIELD_END,
};

struct lookup_call {
	struct tool_call *call;
	struct lookup *lookup;
};

static void lookup_call_stop(void *state)
{
	struct lookup_call *lookup = state;

	if (lookup->lookup)
		lookup_cancel(lookup->lookup);
	free(lookup);
}

static void on_lookup_done(int r, const struct lookup_result *result, const struct error *error,
			   void *userdata)
{
	struct lookup_call *lookup = userdata;
	struct error failure = *error;
	json_t *json;

	lookup->lookup = NULL;
	if (r < 0) {
		probe_rename_parameter(&failure, "domain");
		tool_call_fail(lookup->call, &failure);
		return;
	}
	json = lookup_result_to_json(result);
	if (json) {
		tool_call_complete(lookup->call, json);
		return;
	}
	out_of_memory(&failure);
	tool_call_fail(lookup->call, &failure);
}

static int read_request(const struct tool_call *call, struct lookup_request *ret,
			struct error *error)
{
	const json_t *arguments = tool_call_arguments(call);
	const char *type = json_member_text(arguments, "type");
	uint16_t number;
	int count, r;

	if (dns_type_parse(type, &number) < 0) {
		r = error_set(error, ERROR_PARAMETER_RANGE, "type", "\"%s\" is no record type",
			      type);
		error_hint(error,
			   "such as A, AAAA, MX, TXT, HTTPS, or TYPE65280 for one by number");
		return r;
	}
	*ret = lookup_request_default(json_member_text(arguments, "domain"), number);
	count = probe_servers(call, ret->servers, error);
	if (count < 0)
		return count;
	ret->servers_count = (unsigned)count;
	ret->port = (uint16_t)json_member_integer(arguments, "port", 53);
	ret->timeout = probe_milliseconds(call, "timeout");
	ret->recursion = json_member_true(arguments, "recursion");
	ret->dnssec = json_member_true(arguments, "dnssec");
	ret->checking_disabled = json_member_true(arguments, "checking_disabled");
	ret->tcp = json_member_true(arguments, "tcp");
	return probe_link(call, ret->interface, error);
}

static int call_lookup(struct tool_call *call, json_t **ret, struct error *error)
{
	struct lookup_request request;
	struct lookup_call *lookup;
	int r = read_request(call, &request, error);

	if (r < 0)
		return r;
	lookup = calloc(1, sizeof(*lookup));
	if (!lookup)
		return out_of_memory(error);
	lookup->call = call;
	r = lookup_start(&lookup->lookup, tool_call_event(call), &request, on_lookup_done, lookup,
			 error);
	if (r < 0) {
		lookup_call_stop(lookup);
		probe_rename_parameter(error, "domain");
		return r;
	}
	tool_call_set_state(call, lookup, lookup_call_stop);
	return TOOL_LATER;
}

static char *summarise_lookup(const json_t *result)
{
	char *text;
	int n = asprintf(&text, "%s %s: %zu records from %s in %.3g ms",
			 json_member_text(result, "name"), json_member_text(result, "type"),
			 json_array_size(json_object_get(result, "answers")),
			 json_member_text(result, "server"),
			 json_number_value(json_object_get(result, "latency_ms")));

	return n < 0 ? NULL : text;
}

static const struct tool tools[] = {
	{
		.name = "net.dns_lookup",
		.title = "Look up a name",
		.description = "Asks this host's name servers, or any other, for the records of a "
			       "name and "
			       "shows all that came back. It does not use the hosts file or search "
			       "domains. "
			       "Fails with name.not_found where there is no such name.",
		.parameters = lookup_parameters,
		.output = lookup_output,
		.hints = HINT_READ_ONLY | HINT_IDEMPOTENT | HINT_OPEN_WORLD,
		.risk = RISK_LOW,
		.role = ROLE_OBSERVER,
		.time_limit = 32000,
		.call = call_lookup,
		.summarise = summarise_lookup,
	},
};

const struct tool_set lookup_tools = {tools, ARRAY_SIZE(tools)};
