
#include "lookup.h"

static const struct {
	uint16_t flag;
	const char *name;
} flag_names[] = {
	{DNS_FLAG_AA, "aa"}, {DNS_FLAG_TC, "tc"}, {DNS_FLAG_RD, "rd"},
	{DNS_FLAG_RA, "ra"}, {DNS_FLAG_AD, "ad"}, {DNS_FLAG_CD, "cd"},
};

static json_t *flags_to_json(uint16_t flags)
{
	_cleanup_json_ json_t *array = json_array();

	for (size_t i = 0; i < ARRAY_SIZE(flag_names); i++)
		if (flags & flag_names[i].flag &&
		    json_array_append_new(array, json_string(flag_names[i].name)) < 0)
			return NULL;
	return TAKE_PTR(array);
}

static json_t *record_to_json(const struct dns_message *message, const struct dns_record *record)
{
	_cleanup_json_ json_t *object = json_object();
	char name[DNS_NAME_TEXT_MAX], type[16];
	int r;

	dns_message_name(message, record->name, name);
	r = json_put(object, "name", json_string(name));
	r |= json_put(object, "type", json_string(dns_type_text(record->type, type)));
	r |= json_put(object, "ttl", json_integer(record->ttl));
	r |= json_put(object, "data", dns_record_to_json(message, record));
	return r < 0 ? NULL : TAKE_PTR(object);
}

static json_t *section_to_json(const struct dns_message *message, enum dns_section section)
{
	_cleanup_json_ json_t *array = json_array();

	for (unsigned i = 0; i < message->records_count; i++)
		if (message->records[i].section == section &&
		    json_array_append_new(array, record_to_json(message, &message->records[i])) < 0)
			return NULL;
	return TAKE_PTR(array);
}

static int put_answer(json_t *object, const struct lookup_result *result)
{
	const struct dns_message *message = &result->message;
	int r;

	r = json_put(object, "server", json_address(&result->server));
	r |= json_put(object, "latency_ms", json_real((double)result->latency / 1000));
	r |= json_put(object, "transport", json_string(result->tcp ? "tcp" : "udp"));
	r |= json_put(object, "rcode", json_string(dns_rcode_text(message->rcode)));
	r |= json_put(object, "flags", flags_to_json(message->flags));
	r |= json_put(object, "answers", section_to_json(message, DNS_ANSWER));
	r |= json_put(object, "authority", section_to_json(message, DNS_AUTHORITY));
	r |= json_put(object, "additional", section_to_json(message, DNS_ADDITIONAL));
	return r;
}

json_t *lookup_result_to_json(const struct lookup_result *result)
{
	_cleanup_json_ json_t *object = json_object();
	char type[16];
	int r;

	r = json_put(object, "name", json_string(result->request->name));
	r |= json_put(object, "type", json_string(dns_type_text(result->request->type, type)));
	r |= json_put(object, "servers_asked", json_integer(result->servers_asked));
	if (result->answered)
		r |= put_answer(object, result);
	return r < 0 ? NULL : TAKE_PTR(object);
}
