/*
 * Any bytes as one rtnetlink message. What parses must be a value within its bounds, the same as
 * itself, and, where we can build it, must survive being built and parsed again.
 */
#include <stdlib.h>
#include <string.h>

#include "netlink/netlink.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_prefix(const struct ip_prefix *prefix, bool required)
{
	check(!required || ip_family_bits(prefix->address.family));
	check(prefix->length <= 128);
}

static void check_rebuilt(enum object_kind kind, const union object *object)
{
	uint8_t buffer[NETLINK_MESSAGE_MAX];
	const struct nlmsghdr *message;
	enum object_kind again;
	union object rebuilt;

	if (kind == OBJECT_ADDRESS)
		message = netlink_build_address(buffer, true, &object->address);
	else
		message = netlink_build_route(buffer, true, &object->route);
	check(message->nlmsg_len <= sizeof(buffer));
	if (netlink_parse(message, &again, &rebuilt) == 0)
		check(again == kind && object_hash(kind, &rebuilt) == object_hash(kind, object));
}

static void check_object(enum object_kind kind, const union object *object)
{
	check(object_same(kind, object, object) && object_equal(kind, object, object));
	switch (kind) {
	case OBJECT_LINK:
		check(object->link.index > 0 && object->link.kind < _LINK_KIND_MAX);
		check(memchr(object->link.name, '\0', sizeof(object->link.name)));
		check(memchr(object->link.info_kind, '\0', sizeof(object->link.info_kind)));
		check(object->link.mac.length <= HARDWARE_ADDRESS_MAX);
		break;
	case OBJECT_ADDRESS:
		check_prefix(&object->address.prefix, true);
		check_rebuilt(kind, object);
		break;
	case OBJECT_ROUTE:
		check_prefix(&object->route.destination, true);
		/* host bits, which the kernel does not send, are not built either where the length
		 * is 0 */
		if (!ip_prefix_has_host_bits(&object->route.destination))
			check_rebuilt(kind, object);
		break;
	case OBJECT_RULE:
		check_prefix(&object->rule.source, false);
		check(memchr(object->rule.input, '\0', sizeof(object->rule.input)));
		break;
	case OBJECT_NEIGHBOUR:
		check(object->neighbour.mac.length <= HARDWARE_ADDRESS_MAX);
		break;
	case _OBJECT_KIND_MAX:
		abort();
	}
}

/* What is not in the mirror, but asked for. */
static void check_queried(const struct nlmsghdr *message)
{
	struct port_vlans vlans = {0};
	struct nexthops nexthops;

	if (netlink_parse_port_vlans(message, 1, &vlans) == 0)
		check(vlans.pvid <= VLAN_MAX);
	check(netlink_parse_netconf_link(message) >= -EBADMSG);
	if (netlink_parse_nexthops(message, &nexthops) == 0)
		for (unsigned i = 0; i < nexthops.count && i < NEXTHOPS_MAX; i++)
			check(nexthops.at[i].weight >= 1 && nexthops.at[i].weight <= 256);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum object_kind kind = _OBJECT_KIND_MAX;
	struct nlmsghdr *message;
	union object object;

	if (size < sizeof(*message))
		return 0;
	/* a copy of its exact size, so that reading past the end is seen */
	message = malloc(size);
	check(message);
	memcpy(message, data, size);
	message->nlmsg_len = (uint32_t)size;
	if (netlink_parse(message, &kind, &object) == 0)
		check_object(kind, &object);
	check_queried(message);
	free(message);
	return 0;
}
