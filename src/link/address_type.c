/*
 * Resource type `address`: an address of an interface, with the prefix that is reached on the link.
 */
#include <stdio.h>
#include <string.h>

#include "address_first.h"
#include "kernel_error.h"
#include "routes_kept.h"

/* More than the time by which the kernel may end a lifetime early. */
#define KERNEL_EARLY_USEC (100 * USEC_PER_MSEC)

static int address_parse(const json_t *object, void *ret_spec, struct error *error)
{
	struct address_spec *spec = ret_spec;
	const json_t *protocol = json_object_get(object, "protocol");
	const char *text;
	int r = spec_member_link(object, "link", spec->link, error);

	if (r >= 0)
		r = spec_member_text(object, "address", &text, error);
	if (r >= 0)
		r = ip_prefix_parse(text, &spec->prefix, "address", error);
	if (r >= 0)
		r = spec_member_address(object, "broadcast", &spec->broadcast, error);
	if (r >= 0)
		r = spec_member_u32(object, "metric", &spec->metric, error);
	if (r < 0)
		return r;
	spec->valid_until =
		(usec_t)json_member_integer(object, "valid_until", (int64_t)USEC_INFINITY);
	spec->foreign = json_is_integer(protocol);
	spec->protocol = (uint8_t)json_integer_value(protocol);
	return 0;
}

static json_t *address_print(const void *data)
{
	const struct address_spec *spec = data;
	char text[IP_PREFIX_TEXT_MAX];
	_cleanup_json_ json_t *json = json_pack("{s:s,s:s}", "link", spec->link, "address",
						ip_prefix_print(&spec->prefix, text));
	int r = json_put_address(json, "broadcast", &spec->broadcast);

	if (spec->metric)
		r |= json_put(json, "metric", json_integer(spec->metric));
	if (spec->valid_until != USEC_INFINITY)
		r |= json_put(json, "valid_until", json_integer((json_int_t)spec->valid_until));
	if (spec->foreign)
		r |= json_put(json, "protocol", json_integer(spec->protocol));
	return r < 0 ? NULL : TAKE_PTR(json);
}

static void address_key(const void *data, char buffer[RESOURCE_KEY_MAX])
{
	const struct address_spec *spec = data;
	char text[IP_PREFIX_TEXT_MAX];

	snprintf(buffer, RESOURCE_KEY_MAX, "%s/%s", spec->link,
		 ip_prefix_print(&spec->prefix, text));
}

static int address_validate(struct core *core, const void *data, struct error *error)
{
	const struct address_spec *spec = data;
	const struct ip_address *address = &spec->prefix.address;
	char text[IP_ADDRESS_TEXT_MAX];
	int r;

	if (!ip_address_is_unspecified(address) && !ip_address_is_multicast(address) &&
	    !ip_address_is_loopback(address) && spec->prefix.length > 0)
		return 0;
	r = error_set(error, ERROR_ADDRESS_INVALID, "address",
		      "%s cannot be the address of an interface", ip_address_print(address, text));
	error_hint(error, "give a unicast address with the length of its prefix");
	return r;
}

static unsigned address_needs(const void *data, const char *ret[RESOURCE_LINKS_MAX])
{
	ret[0] = ((const struct address_spec *)data)->link;
	return 1;
}

static int address_observe(struct core *core, const void *wanted, void *ret_spec)
{
	const struct observed *observed = core_observed(core);
	const struct address_spec *spec = wanted;
	const struct link *link = observed_link_by_name(observed, spec->link);
	const struct address *address;
	struct address_spec *ret = ret_spec;

	if (!link)
		return -ENODEV;
	address = observed_address(observed, link->index, &spec->prefix);
	if (!address)
		return 0;
	memset(ret, 0, sizeof(*ret));
	memcpy(ret->link, spec->link, sizeof(ret->link));
	ret->prefix = address->prefix;
	ret->broadcast = address->broadcast;
	ret->metric = address->metric;
	ret->valid_until = address->valid == UINT32_MAX
				   ? USEC_INFINITY
				   : usec_add(clock_boottime_usec(), address->valid * USEC_PER_SEC);
	ret->foreign = address->protocol != AIOSNET_PROTOCOL;
	ret->protocol = address->protocol;
	return 1;
}

static int address_place(struct core *core, const union object *object, void *ret_spec)
{
	const struct link *link = observed_link(core_observed(core), object->address.link);
	struct address_spec *ret = ret_spec;

	if (!link)
		return 0;
	memcpy(ret->link, link->name, sizeof(ret->link));
	ret->prefix = object->address.prefix;
	return 1;
}

static bool address_satisfied(const void *wanted, const void *observed)
{
	const struct address_spec *w = wanted, *o = observed;

	/* The remaining lifetime runs down by itself: only whether it ends is compared. Nor is the
	 * broadcast address: the kernel does not change that of an address which is there already
	 * (devinet.c, inet_rtm_newaddr()), and the address is worth more than it. */
	return (w->valid_until == USEC_INFINITY) == (o->valid_until == USEC_INFINITY) &&
	       (!w->metric || w->metric == o->metric);
}

/*
 * Seconds for the kernel, which counts whole ones and ends them some 20 ms early (include/net/
 * addrconf.h, ADDRCONF_TIMER_FUZZ_MINUS). They end after ours: an address that the kernel takes
 * away first would look like somebody's doing, and be put back. Never 0, which the builders leave
 * out.
 */
static uint32_t seconds_left(usec_t valid_until)
{
	usec_t left;

	if (valid_until == USEC_INFINITY)
		return UINT32_MAX;
	left = usec_sub(valid_until, clock_boottime_usec());
	left = usec_add(left, KERNEL_EARLY_USEC) / USEC_PER_SEC + 1;
	return (uint32_t)MIN(left, UINT32_MAX - 1);
}

static int address_request(struct core *core, bool add, const struct address_spec *spec,
			   struct error *error)
{
	const struct link *link = observed_link_by_name(core_observed(core), spec->link);
	char buffer[NETLINK_MESSAGE_MAX], text[IP_PREFIX_TEXT_MAX], what[96];
	struct address address = {
		.prefix = spec->prefix,
		.broadcast = spec->broadcast,
		.metric = spec->metric,
		.scope = ip_address_is_link_local(&spec->prefix.address) ? RT_SCOPE_LINK
									 : RT_SCOPE_UNIVERSE,
		.protocol = spec->foreign ? spec->protocol : AIOSNET_PROTOCOL,
		.valid = seconds_left(spec->valid_until),
		.preferred = seconds_left(spec->valid_until),
	};
	int r;

	if (!link)
		return add ? error_set(error, ERROR_LINK_UNKNOWN, "link",
				       "there is no interface '%s'", spec->link)
			   : 0;
	address.link = link->index;
	r = netlink_request(core_netlink(core), netlink_build_address(buffer, add, &address));
	if (r >= 0 || (!add && (r == -EADDRNOTAVAIL || r == -ENODEV)))
		return 0;
	snprintf(what, sizeof(what), "%s %s %s %s", add ? "adding" : "removing",
		 ip_prefix_print(&spec->prefix, text), add ? "to" : "from", spec->link);
	return kernel_error(core, r, what, error);
}

static int address_remove(struct core *core, const struct address_spec *spec, struct error *error)
{
	const struct link *link = observed_link_by_name(core_observed(core), spec->link);
	_cleanup_(routes_kept_clear) struct routes_kept kept = {0};
	char what[64];
	int r;

	if (!link)
		return 0;
	snprintf(what, sizeof(what), "keeping the routes of %s", spec->link);
	r = routes_kept_collect(core, link->index, &spec->prefix, &kept);
	if (r < 0)
		return kernel_error(core, r, what, error);
	r = address_remove_alone(core, link, &spec->prefix, error);
	if (r >= 0)
		r = address_request(core, false, spec, error);
	if (r < 0)
		return r;
	r = routes_kept_put_back(core, &kept);
	return r < 0 ? kernel_error(core, r, what, error) : 0;
}

static int address_apply(struct core *core, const void *before, const void *after,
			 struct error *error)
{
	if (after)
		return address_request(core, true, after, error);
	return before ? address_remove(core, before, error) : 0;
}

/* The kernel takes the IPv6 addresses of a link that is set down (addrconf.c, addrconf_ifdown()).
 */
static bool address_needs_up(const void *data)
{
	return ((const struct address_spec *)data)->prefix.address.family == AF_INET6;
}

const struct resource_type address_type = {
	.name = "address",
	.order = 20,
	.spec_size = sizeof(struct address_spec),
	.parse = address_parse,
	.print = address_print,
	.key = address_key,
	.validate = address_validate,
	.needs = address_needs,
	.needs_up = address_needs_up,
	.observe = address_observe,
	.place = address_place,
	.kind = OBJECT_ADDRESS,
	.satisfied = address_satisfied,
	.put_first = address_put_first,
	.apply = address_apply,
};
