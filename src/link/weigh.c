#include "weigh.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ADDRESSES_MOST 64 /* of this host, by which somebody may come */

struct weighing {
	const struct outlook *before, *after;
	const struct correspondent *peer;
	struct finding *finding;
};

/* The worst is kept, and of alike ones the first. */
static void find(struct weighing *weighing, enum path_verdict verdict, const char *format, ...)
	_printf_(3, 4);

static void find(struct weighing *weighing, enum path_verdict verdict, const char *format, ...)
{
	struct finding *finding = weighing->finding;
	va_list arguments;

	if (verdict <= finding->verdict)
		return;
	finding->verdict = verdict;
	va_start(arguments, format);
	vsnprintf(finding->what, sizeof(finding->what), format, arguments);
	va_end(arguments);
}

/* ---- the address that he comes to ---- */

/* Nobody hears of the move of an IPv6 address; for IPv4 any link answers, where it is asked. */
static enum path_verdict moved(const struct weighing *weighing, const char *was, const char *is)
{
	if (outlook_same_wire(weighing->before, weighing->after, was, is) ||
	    (outlook_link_is_inner(weighing->before, was) &&
	     outlook_link_is_inner(weighing->after, is)))
		return PATH_KEPT;
	return weighing->peer->local.family == AF_INET6 ? PATH_LOST : PATH_UNPROVED;
}

static void weigh_address(struct weighing *weighing, const char *was, const char *is)
{
	char text[IP_ADDRESS_TEXT_MAX];
	enum hop_state state;

	ip_address_print(&weighing->peer->local, text);
	if (!is) {
		find(weighing, PATH_LOST, "its address here, %s", text);
		return;
	}
	state = outlook_link_state(weighing->after, is);
	if (state > outlook_link_state(weighing->before, was))
		find(weighing, state > HOP_DOUBTFUL ? PATH_LOST : PATH_UNPROVED, "the link %s", is);
	find(weighing, moved(weighing, was, is), "its address here, %s, which moves to %s", text,
	     is);
}

/* ---- the way to him ---- */

static bool same_wire(const char *before, const char *after, void *userdata)
{
	const struct weighing *weighing = userdata;

	return outlook_same_wire(weighing->before, weighing->after, before, after);
}

static enum path_verdict weigh_path(struct weighing *weighing, const struct flow *flow)
{
	struct finding *finding = weighing->finding;

	outlook_path(weighing->before, flow, &finding->before);
	outlook_path(weighing->after, flow, &finding->after);
	return path_compare(&finding->before, &finding->after, same_wire, weighing);
}

/* ---- what he sends ---- */

static bool is_sent_by(const struct path *path, const char *link)
{
	for (unsigned i = 0; i < path->way.hops_count; i++)
		if (strcmp(path->way.hops[i].link, link) == 0)
			return true;
	return false;
}

static bool is_accepted(const struct outlook *outlook, const struct path *back, const char *link)
{
	return path_is_accepted(back, link,
				MAX(outlook_setting(outlook, link, "rp_filter"),
				    outlook_setting_of_all("rp_filter")));
}

/* arp.c, arp_ignore() and arp_filter(): who is asked for the address, answers. */
static bool is_found(const struct outlook *outlook, const struct path *back, const char *link)
{
	int32_t ignore = MAX(outlook_setting(outlook, link, "arp_ignore"),
			     outlook_setting_of_all("arp_ignore"));
	bool filters = outlook_setting(outlook, link, "arp_filter") ||
		       outlook_setting_of_all("arp_filter");

	return ignore != 8 && !(filters && !is_sent_by(back, link));
}

/* 2: only to those of the same network. */
static bool is_found_by_few(const struct outlook *outlook, const char *link)
{
	return MAX(outlook_setting(outlook, link, "arp_ignore"),
		   outlook_setting_of_all("arp_ignore")) == 2;
}

static void weigh_arrival(struct weighing *weighing, const char *was, const char *is)
{
	const struct outlook *before = weighing->before, *after = weighing->after;
	const struct path *back_before = &weighing->finding->before;
	const struct path *back_after = &weighing->finding->after;

	if (weighing->peer->remote.family != AF_INET || back_before->end != PATH_SENT)
		return;
	if (is_accepted(before, back_before, was) && !is_accepted(after, back_after, is))
		find(weighing, PATH_LOST, "what he sends, which rp_filter of %s drops", is);
	if (is_found(before, back_before, was) && !is_found(after, back_after, is))
		find(weighing, PATH_LOST, "the answers to ARP on %s", is);
	if (!is_found_by_few(before, was) && is_found_by_few(after, is))
		find(weighing, PATH_UNPROVED, "the answers to ARP on %s", is);
}

/* To an address that no cable leads to he comes by the links that he is answered by. */
static void weigh_arrivals(struct weighing *weighing, const char *was, const char *is)
{
	const struct way *way = &weighing->finding->before.way;

	if (!outlook_link_is_inner(weighing->before, was)) {
		weigh_arrival(weighing, was, is);
		return;
	}
	for (unsigned i = 0; i < way->hops_count; i++)
		weigh_arrival(weighing, way->hops[i].link, way->hops[i].link);
}

/* ---- all of it ---- */

static bool has_unknown_rules(const struct outlook *outlook)
{
	for (unsigned i = 0; i < outlook->rules_count; i++)
		if (outlook->rules[i]->others)
			return true;
	return false;
}

/* By one address of this host. */
static void weigh_connection(const struct outlook *before, const struct outlook *after,
			     const struct correspondent *peer, struct finding *ret)
{
	struct weighing weighing = {before, after, peer, ret};
	struct flow flow = {.local = peer->local, .remote = peer->remote};
	enum path_verdict back;
	const char *was, *is;

	*ret = (struct finding){.verdict = PATH_KEPT};
	memcpy(flow.link, peer->link, sizeof(flow.link));
	was = outlook_holder(before, &peer->local, peer->link);
	if (!was && ip_address_is_set(&peer->local))
		return;
	is = was ? outlook_holder(after, &peer->local, was) : NULL;
	back = weigh_path(&weighing, &flow);
	if (was)
		weigh_address(&weighing, was, is);
	find(&weighing, back, "the route back");
	if (is)
		weigh_arrivals(&weighing, was, is);
}

/* ---- by any address ---- */

static bool is_entrance(const struct outlook *before, const struct address *address,
			const struct link *link, const struct ip_address *remote)
{
	struct flow flow = {.local = address->prefix.address, .remote = *remote};
	struct path path;

	if (address->prefix.address.family != remote->family ||
	    ip_address_is_loopback(&address->prefix.address) ||
	    ip_address_is_link_local(&address->prefix.address))
		return false;
	outlook_path(before, &flow, &path);
	return path.end == PATH_SENT &&
	       (is_sent_by(&path, link->name) || outlook_link_is_inner(before, link->name));
}

/* One address by which he gets in is enough. */
static void weigh_any(const struct outlook *before, const struct outlook *after,
		      const struct correspondent *peer, struct finding *ret)
{
	const struct observed *observed = core_observed(before->core);
	const struct address *address = NULL;
	unsigned count = 0;

	while (count < ADDRESSES_MOST && (address = observed_next_address(observed, address))) {
		const struct link *link = observed_link(observed, address->link);
		struct correspondent entered = *peer;
		struct finding finding;

		if (!link || !is_entrance(before, address, link, &peer->remote))
			continue;
		entered.local = address->prefix.address;
		weigh_connection(before, after, &entered, &finding);
		if (count++ == 0 || finding.verdict < ret->verdict)
			*ret = finding;
		if (ret->verdict == PATH_KEPT)
			return;
	}
	if (!count)
		weigh_connection(before, after, peer, ret);
}

static void weigh_once(const struct outlook *before, const struct outlook *after,
		       const struct correspondent *peer, struct finding *ret)
{
	*ret = (struct finding){.verdict = PATH_KEPT};
	if (ip_address_is_set(&peer->local))
		weigh_connection(before, after, peer, ret);
	else
		weigh_any(before, after, peer, ret);
}

void weigh(const struct outlook *before, const struct outlook *after,
	   const struct correspondent *peer, struct finding *ret)
{
	struct outlook otherwise_before = *before, otherwise_after = *after;
	struct finding otherwise;

	weigh_once(before, after, peer, ret);
	if (ret->verdict == PATH_LOST || !(has_unknown_rules(before) || has_unknown_rules(after)))
		return;
	/* Whether those rules match is not known here: he must be reached either way. */
	otherwise_before.others_match = otherwise_after.others_match = true;
	weigh_once(&otherwise_before, &otherwise_after, peer, &otherwise);
	if (otherwise.verdict > ret->verdict)
		*ret = otherwise;
}
