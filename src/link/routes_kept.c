#include "routes_kept.h"

#include <linux/rtnetlink.h>

void routes_kept_clear(struct routes_kept *kept)
{
	free(kept->routes);
	*kept = (struct routes_kept){0};
}

static bool is_last_address(const struct observed *observed, int link,
			    const struct ip_prefix *prefix)
{
	const struct address *address = NULL;
	unsigned others = 0;

	if (prefix->address.family != AF_INET || !observed_address(observed, link, prefix))
		return false;
	while ((address = observed_next_address(observed, address)))
		others += address->link == link && address->prefix.address.family == AF_INET;
	return others == 1;
}

/* The kernel's own follow from the address, and what is sent from it goes with it. */
static bool needs_no_address(const struct route *route, int link, const struct ip_prefix *prefix)
{
	return route->link == link && route->destination.address.family == AF_INET &&
	       route->nexthops <= 1 && route->protocol != RTPROT_KERNEL &&
	       !ip_address_equal(&route->source, &prefix->address);
}

static int append(struct routes_kept *kept, const struct route *route)
{
	struct route *grown = realloc(kept->routes, (kept->count + 1) * sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	kept->routes = grown;
	grown[kept->count++] = *route;
	return 0;
}

int routes_kept_collect(struct core *core, int link, const struct ip_prefix *prefix,
			struct routes_kept *ret)
{
	struct observed *observed = core_observed(core);
	const struct route *route = NULL;
	int r = 0;

	*ret = (struct routes_kept){0};
	/* What the steps before this one did is in the mirror only now. What it cannot read is
	 * mended by convergence. */
	(void)observed_drain(observed);
	if (!is_last_address(observed, link, prefix))
		return 0;
	while (r == 0 && (route = observed_next_route(observed, route)))
		if (needs_no_address(route, link, prefix))
			r = append(ret, route);
	return r;
}

static bool is_gone_by_itself(int r)
{
	return r == -EEXIST || r == -ENETUNREACH || r == -EHOSTUNREACH || r == -EINVAL ||
	       r == -ENETDOWN || r == -ENODEV;
}

int routes_kept_put_back(struct core *core, const struct routes_kept *kept)
{
	int first = 0;

	for (size_t i = 0; i < kept->count; i++) {
		char buffer[NETLINK_MESSAGE_MAX];
		struct nlmsghdr *message = netlink_build_route(buffer, true, &kept->routes[i]);
		int r;

		message->nlmsg_flags ^= NLM_F_REPLACE | NLM_F_EXCL;
		r = netlink_request(core_netlink(core), message);
		if (r < 0 && !is_gone_by_itself(r) && first == 0)
			first = r;
	}
	return first;
}
