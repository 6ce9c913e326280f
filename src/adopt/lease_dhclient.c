/*
 * dhclient.leases(5): statements in blocks, newest last. What is read here are its `lease` blocks
 * and the `default-duid` before them.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "found_lease.h"

#define STATEMENT_MAX 1024

/* One statement: its text without what ends it, and that (';', '{', '}'). */
struct statement {
	char text[STATEMENT_MAX];
	char end;
};

struct reading {
	const char *text;
	size_t size, at;
};

static void skip_comment(struct reading *reading)
{
	while (reading->at < reading->size && reading->text[reading->at] != '\n')
		reading->at++;
}

/* The next statement; false at the end. What is too long is cut, and so makes no sense. */
static bool next_statement(struct reading *reading, struct statement *ret)
{
	size_t length = 0;
	bool quoted = false;

	while (reading->at < reading->size) {
		char c = reading->text[reading->at++];

		if (!quoted && c == '#') {
			skip_comment(reading);
			continue;
		}
		if (!quoted && (c == ';' || c == '{' || c == '}')) {
			while (length && ret->text[length - 1] == ' ')
				length--;
			ret->text[length] = '\0';
			ret->end = c;
			return true;
		}
		if (c == '"' && (!length || ret->text[length - 1] != '\\'))
			quoted = !quoted;
		if (isspace((unsigned char)c) && !quoted)
			c = ' ';
		if (c == '\0' || (c == ' ' && !quoted && (!length || ret->text[length - 1] == ' ')))
			continue;
		if (length < sizeof(ret->text) - 1)
			ret->text[length++] = c;
	}
	return false;
}

/* What follows `keyword`, or NULL when the statement is another. */
static char *value_of(struct statement *statement, const char *keyword)
{
	size_t length = strlen(keyword);

	if (strncmp(statement->text, keyword, length) != 0 || statement->text[length] != ' ')
		return NULL;
	return statement->text + length + 1;
}

/* "text" without its quotes; octal and quoted characters as in C. Returns the length. */
static size_t unquote(const char *text, uint8_t *buffer, size_t size)
{
	size_t length = 0;

	if (*text++ != '"')
		return 0;
	while (*text && *text != '"' && length < size) {
		unsigned value = (uint8_t)*text++;
		int taken = 0;

		if (value == '\\' && sscanf(text, "%3o%n", &value, &taken) == 1)
			text += taken;
		else if (value == '\\' && *text)
			value = (uint8_t)*text++;
		buffer[length++] = (uint8_t)value;
	}
	return length;
}

static struct in_addr address_of(const char *text)
{
	struct in_addr address = {0};

	return inet_pton(AF_INET, text, &address) == 1 ? address : (struct in_addr){0};
}

static void addresses_read(struct in_addr *list, unsigned *count, char *value)
{
	char *rest = value, *word;

	while ((word = strsep(&rest, ", ")))
		found_addresses_add(list, count, FOUND_ADDRESSES_MAX, address_of(word));
}

static void read_netmask(struct found_lease *lease, char *value)
{
	int length = ip_netmask_to_length(address_of(value).s_addr);

	if (length > 0)
		lease->prefix_length = (uint8_t)length;
}

static void read_gateways(struct found_lease *lease, char *value)
{
	addresses_read(lease->gateways, &lease->gateways_count, value);
}

static void read_dns(struct found_lease *lease, char *value)
{
	addresses_read(lease->dns, &lease->dns_count, value);
}

static void read_ntp(struct found_lease *lease, char *value)
{
	addresses_read(lease->ntp, &lease->ntp_count, value);
}

static void read_server(struct found_lease *lease, char *value)
{
	lease->server = address_of(value);
}

static void read_broadcast(struct found_lease *lease, char *value)
{
	lease->broadcast = address_of(value);
}

static void read_length(struct found_lease *lease, char *value)
{
	unsigned long seconds = strtoul(value, NULL, 10);

	lease->length = seconds >= UINT32_MAX ? USEC_INFINITY : seconds * USEC_PER_SEC;
}

static void read_mtu(struct found_lease *lease, char *value)
{
	lease->mtu = (uint32_t)strtoul(value, NULL, 10);
}

static void read_domain(struct found_lease *lease, char *value)
{
	uint8_t name[FOUND_NAME_MAX];
	size_t length = unquote(value, name, sizeof(name));

	found_name_copy(lease->domain, (const char *)name, length);
}

static void read_search(struct found_lease *lease, char *value)
{
	char *rest = value, *word;

	while ((word = strsep(&rest, ", "))) {
		uint8_t name[FOUND_NAME_MAX];
		size_t length = unquote(word, name, sizeof(name));

		if (lease->search_count < FOUND_SEARCH_MAX &&
		    found_name_copy(lease->search[lease->search_count], (const char *)name, length))
			lease->search_count++;
	}
}

/* Bytes in hexadecimal with colons between, or text. */
static void read_client_id(struct found_lease *lease, char *value)
{
	size_t length = unquote(value, lease->client_id, sizeof(lease->client_id));
	char *rest = value, *word;

	while (*value != '"' && length < sizeof(lease->client_id) && (word = strsep(&rest, ":")))
		lease->client_id[length++] = (uint8_t)strtoul(word, NULL, 16);
	lease->client_id_length = (uint8_t)length;
	lease->client_id_known = length >= 2;
}

/* RFC 3442 as numbers, with commas between in newer versions and spaces in older. */
static void read_routes(struct found_lease *lease, char *value)
{
	char *rest = value, *word;
	uint8_t bytes[9];
	unsigned count = 0;

	while ((word = strsep(&rest, ", "))) {
		struct found_route route = {.destination.address.family = AF_INET};
		unsigned significant;

		if (!*word)
			continue;
		bytes[count++] = (uint8_t)strtoul(word, NULL, 10);
		significant = (bytes[0] + 7u) / 8u;
		if (significant > 4)
			return;
		if (count < 1 + significant + 4)
			continue;
		route.destination.length = bytes[0];
		memcpy(route.destination.address.bytes, bytes + 1, significant);
		memcpy(&route.gateway, bytes + 1 + significant, 4);
		found_route_add(lease, &route);
		count = 0;
	}
}

/* "never", "epoch SECONDS", or "WEEKDAY YEAR/MONTH/DAY HOUR:MINUTE:SECOND" in UTC. */
static void read_end(struct found_lease *lease, char *value)
{
	struct tm when = {0};
	unsigned long long seconds;
	int weekday;

	if (strncmp(value, "never", 5) == 0) {
		lease->ends = lease->length = USEC_INFINITY;
	} else if (sscanf(value, "epoch %llu", &seconds) == 1) {
		lease->ends = seconds < UINT32_MAX * 4ull ? seconds * USEC_PER_SEC : 0;
	} else if (sscanf(value, "%d %4d/%2d/%2d %2d:%2d:%2d", &weekday, &when.tm_year,
			  &when.tm_mon, &when.tm_mday, &when.tm_hour, &when.tm_min,
			  &when.tm_sec) == 7) {
		time_t time;

		when.tm_year -= 1900;
		when.tm_mon -= 1;
		time = timegm(&when);
		lease->ends = time > 0 ? (usec_t)time * USEC_PER_SEC : 0;
	}
}

static void read_address(struct found_lease *lease, char *value)
{
	lease->address = address_of(value);
}

static const struct {
	const char *keyword;
	void (*read)(struct found_lease *lease, char *value);
} members[] = {
	{"fixed-address", read_address},
	{"expire", read_end},
	{"option subnet-mask", read_netmask},
	{"option routers", read_gateways},
	{"option domain-name-servers", read_dns},
	{"option ntp-servers", read_ntp},
	{"option dhcp-server-identifier", read_server},
	{"option broadcast-address", read_broadcast},
	{"option dhcp-lease-time", read_length},
	{"option interface-mtu", read_mtu},
	{"option domain-name", read_domain},
	{"option domain-search", read_search},
	{"option dhcp-client-identifier", read_client_id},
	{"option rfc3442-classless-static-routes", read_routes},
	{"option classless-static-routes", read_routes},
};

static void member_read(struct found_lease *lease, struct statement *statement)
{
	for (unsigned i = 0; i < ARRAY_SIZE(members); i++) {
		char *value = value_of(statement, members[i].keyword);

		if (value)
			members[i].read(lease, value);
	}
}

/* One block, to its closing brace. True when it is a whole lease of the link. */
static bool lease_read(struct reading *reading, const char *link, struct found_lease *ret)
{
	struct statement statement;
	bool ours = true;

	memset(ret, 0, sizeof(*ret));
	while (next_statement(reading, &statement)) {
		uint8_t name[IFNAMSIZ];
		const char *interface;
		size_t length;

		if (statement.end != ';')
			return statement.end == '}' && ours && ret->address.s_addr;
		interface = value_of(&statement, "interface");
		if (!interface) {
			member_read(ret, &statement);
			continue;
		}
		length = unquote(interface, name, sizeof(name));
		ours = length == strlen(link) && memcmp(name, link, length) == 0;
	}
	return false;
}

/* RFC 4361 section 6.1 as dhclient makes it: type 255, the end of the MAC, the DUID. */
static void client_id_of_duid(struct found_lease *lease, const struct hardware_address *mac,
			      const uint8_t *duid, size_t length)
{
	if (lease->client_id_known)
		return;
	lease->client_id_known = true;
	if (length == 0 || mac->length != 6 || length + 5 > sizeof(lease->client_id))
		return;
	lease->client_id[0] = 255;
	memcpy(lease->client_id + 1, mac->bytes + 2, 4);
	memcpy(lease->client_id + 5, duid, length);
	lease->client_id_length = (uint8_t)(length + 5);
}

int found_lease_parse_dhclient(const char *text, size_t size, const char *link,
			       const struct hardware_address *mac, struct found_lease *ret)
{
	struct reading reading = {.text = text, .size = size};
	uint8_t duid[FOUND_CLIENT_ID_MAX];
	size_t duid_length = 0;
	struct statement statement;
	struct found_lease lease;
	bool found = false;

	while (next_statement(&reading, &statement)) {
		const char *value = value_of(&statement, "default-duid");

		if (value)
			duid_length = unquote(value, duid, sizeof(duid));
		if (statement.end != '{' || strcmp(statement.text, "lease") != 0)
			continue;
		if (lease_read(&reading, link, &lease)) {
			*ret = lease;
			found = true;
		}
	}
	if (!found)
		return -ENOENT;
	client_id_of_duid(ret, mac, duid, duid_length);
	return found_lease_check(ret);
}
