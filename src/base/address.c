#include "address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

struct ip_address ip_address_v4(uint32_t network_order)
{
	struct ip_address address = {.family = AF_INET};

	address.v4.s_addr = network_order;
	return address;
}

struct ip_address ip_address_from_bytes(int family, const void *bytes)
{
	struct ip_address address = {.family = (uint8_t)family};

	memcpy(address.bytes, bytes, ip_family_bytes(family));
	return address;
}

unsigned ip_family_bytes(int family)
{
	return family == AF_INET ? 4 : family == AF_INET6 ? 16 : 0;
}

unsigned ip_family_bits(int family)
{
	return ip_family_bytes(family) * 8;
}

bool ip_address_is_set(const struct ip_address *address)
{
	return address->family != AF_UNSPEC;
}

bool ip_address_equal(const struct ip_address *a, const struct ip_address *b)
{
	return a->family == b->family &&
	       memcmp(a->bytes, b->bytes, ip_family_bytes(a->family)) == 0;
}

bool ip_address_is_unspecified(const struct ip_address *address)
{
	static const uint8_t zero[16];

	return memcmp(address->bytes, zero, ip_family_bytes(address->family)) == 0;
}

bool ip_address_is_loopback(const struct ip_address *address)
{
	if (address->family == AF_INET)
		return address->bytes[0] == 127;
	return address->family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&address->v6);
}

bool ip_address_is_multicast(const struct ip_address *address)
{
	if (address->family == AF_INET)
		return (address->bytes[0] & 0xf0) == 0xe0;
	return address->family == AF_INET6 && address->bytes[0] == 0xff;
}

bool ip_address_is_link_local(const struct ip_address *address)
{
	if (address->family == AF_INET)
		return address->bytes[0] == 169 && address->bytes[1] == 254;
	return address->family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&address->v6);
}

bool ip_prefix_equal(const struct ip_prefix *a, const struct ip_prefix *b)
{
	return a->length == b->length && ip_address_equal(&a->address, &b->address);
}

struct ip_prefix ip_prefix_network(const struct ip_prefix *prefix)
{
	struct ip_prefix network = *prefix;
	unsigned bytes = ip_family_bytes(prefix->address.family);

	for (unsigned i = 0; i < bytes; i++) {
		unsigned kept = prefix->length > i * 8 ? MIN(prefix->length - i * 8, 8u) : 0;

		network.address.bytes[i] &= (uint8_t)(0xff00 >> kept);
	}
	return network;
}

bool ip_prefix_has_host_bits(const struct ip_prefix *prefix)
{
	struct ip_prefix network = ip_prefix_network(prefix);

	return !ip_address_equal(&network.address, &prefix->address);
}

bool ip_prefix_contains(const struct ip_prefix *prefix, const struct ip_address *address)
{
	struct ip_prefix wanted = ip_prefix_network(prefix);
	struct ip_prefix other = {.address = *address, .length = prefix->length};

	if (prefix->address.family != address->family)
		return false;
	other = ip_prefix_network(&other);
	return ip_address_equal(&wanted.address, &other.address);
}

int ip_netmask_to_length(uint32_t netmask)
{
	uint32_t mask = ntohl(netmask);
	int length = __builtin_popcount(mask);

	return ip_length_to_netmask(length) == netmask ? length : -EINVAL;
}

uint32_t ip_length_to_netmask(unsigned length)
{
	return length ? htonl(UINT32_MAX << (32 - length)) : 0;
}

const char *ip_address_print(const struct ip_address *address, char *buffer)
{
	buffer[0] = '\0';
	if (ip_address_is_set(address))
		inet_ntop(address->family, address->bytes, buffer, IP_ADDRESS_TEXT_MAX);
	return buffer;
}

const char *ip_prefix_print(const struct ip_prefix *prefix, char *buffer)
{
	ip_address_print(&prefix->address, buffer);
	snprintf(buffer + strlen(buffer), 5, "/%u", prefix->length);
	return buffer;
}

const char *hardware_address_print(const struct hardware_address *address, char *buffer)
{
	buffer[0] = '\0';
	for (unsigned i = 0; i < address->length; i++)
		snprintf(buffer + (i ? i * 3 - 1 : 0), 4, i ? ":%02x" : "%02x", address->bytes[i]);
	return buffer;
}

static int address_from_text(const char *text, struct ip_address *ret)
{
	int family = strchr(text, ':') ? AF_INET6 : AF_INET;
	struct ip_address address = {.family = (uint8_t)family};

	if (inet_pton(family, text, address.bytes) != 1)
		return -EINVAL;
	*ret = address;
	return 0;
}

int ip_address_parse(const char *text, struct ip_address *ret, const char *parameter,
		     struct error *error)
{
	int r;

	if (address_from_text(text, ret) == 0)
		return 0;
	r = error_set(error, ERROR_ADDRESS_INVALID, parameter, "'%.64s' is not an IP address",
		      text);
	error_hint(error, strchr(text, '/') ? "give the address alone, without a prefix length"
					    : "use a form such as 192.0.2.10 or 2001:db8::10");
	return r;
}

static int prefix_length_from_text(const char *text, unsigned bits)
{
	unsigned length = 0;

	if (!*text || strlen(text) > 3)
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		length = length * 10 + (unsigned)(*text - '0');
	}
	return length <= bits ? (int)length : -EINVAL;
}

int ip_prefix_parse(const char *text, struct ip_prefix *ret, const char *parameter,
		    struct error *error)
{
	char address[IP_ADDRESS_TEXT_MAX];
	const char *slash = strchr(text, '/');
	size_t length = slash ? (size_t)(slash - text) : strlen(text);
	struct ip_prefix prefix;
	int bits, r;

	if (length >= sizeof(address))
		goto invalid;
	memcpy(address, text, length);
	address[length] = '\0';
	if (address_from_text(address, &prefix.address) < 0)
		goto invalid;

	bits = (int)ip_family_bits(prefix.address.family);
	if (slash)
		bits = prefix_length_from_text(slash + 1, (unsigned)bits);
	if (bits < 0)
		goto invalid;
	prefix.length = (uint8_t)bits;
	*ret = prefix;
	return 0;

invalid:
	r = error_set(error, ERROR_PREFIX_INVALID, parameter, "'%.64s' is not an IP prefix", text);
	error_hint(error, "use ADDRESS/LENGTH, such as 192.0.2.0/24 or 2001:db8::/64");
	return r;
}

int ip_network_parse(const char *text, struct ip_prefix *ret, const char *parameter,
		     struct error *error)
{
	char buffer[IP_PREFIX_TEXT_MAX];
	struct ip_prefix network;
	int r;

	if (strcmp(text, "default") == 0)
		text = "0.0.0.0/0";
	r = ip_prefix_parse(text, ret, parameter, error);
	if (r < 0 || !ip_prefix_has_host_bits(ret))
		return r;

	network = ip_prefix_network(ret);
	r = error_set(error, ERROR_PREFIX_HOST_BITS, parameter, "'%.64s' has host bits set", text);
	error_hint(error, "the prefix is %s", ip_prefix_print(&network, buffer));
	return r;
}

int hardware_address_parse(const char *text, struct hardware_address *ret, const char *parameter,
			   struct error *error)
{
	struct hardware_address address = {0};
	const char *c = text;
	int r;

	while (address.length < HARDWARE_ADDRESS_MAX) {
		unsigned value, used;

		if (sscanf(c, "%2x%n", &value, (int *)&used) != 1 || used != 2)
			break;
		address.bytes[address.length++] = (uint8_t)value;
		c += used;
		if (*c == '\0' && address.length >= 6) {
			*ret = address;
			return 0;
		}
		if (*c != ':' && *c != '-')
			break;
		c++;
	}
	r = error_set(error, ERROR_MAC_INVALID, parameter, "'%.64s' is not a hardware address",
		      text);
	error_hint(error, "use six bytes in hexadecimal, such as 02:00:5e:10:00:01");
	return r;
}

bool hardware_address_equal(const struct hardware_address *a, const struct hardware_address *b)
{
	return a->length == b->length && memcmp(a->bytes, b->bytes, a->length) == 0;
}
