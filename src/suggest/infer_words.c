#include "inference.h"

#include <stdio.h>

void infer_evidence(struct suggestion *suggestion, const char *format, ...)
{
	va_list arguments;

	if (suggestion->evidence_count == SUGGESTION_EVIDENCE_MAX)
		return;
	va_start(arguments, format);
	vsnprintf(suggestion->evidence[suggestion->evidence_count++], SUGGESTION_TEXT_MAX, format,
		  arguments);
	va_end(arguments);
}

const char *infer_print(uint32_t address, char *buffer)
{
	struct ip_address value = ip_address_v4(htonl(address));

	return ip_address_print(&value, buffer);
}

static void tell_gateway(const struct inference *inference, const struct gateway_score *gateway)
{
	struct suggestion *suggestion = inference->suggestion;
	char text[IP_ADDRESS_TEXT_MAX], mac[HARDWARE_ADDRESS_TEXT_MAX] = "";
	const struct known_address *known = gateway->address;

	if (!known) {
		infer_evidence(suggestion, "nobody was asked for as a gateway is");
		return;
	}
	infer_print(known->address, text);
	hardware_address_print(&known->mac, mac);
	if (known->witnesses)
		infer_evidence(suggestion, "%u host%s asked by ARP for %s", known->witnesses,
			       known->witnesses == 1 ? "" : "s", text);
	if (known->answered && known->probed)
		infer_evidence(suggestion, "%s answers ARP, with MAC %s", text, mac);
	else if (known->alive)
		infer_evidence(suggestion, "%s is there, with MAC %s", text, mac);
	if (gateway->virtual_mac)
		infer_evidence(suggestion, "%s has the MAC of a virtual router (%s)", text, mac);
	if (gateway->advertises)
		infer_evidence(suggestion, "the MAC of %s sends IPv6 router advertisements", text);
	if (gateway->capability)
		infer_evidence(suggestion, "LLDP or CDP says that %s routes", text);
	if (known->router_group)
		infer_evidence(suggestion, "%s speaks a routing or redundancy protocol", text);
	if (gateway->told)
		infer_evidence(suggestion, "a DHCP server told another host that %s is the gateway",
			       text);
}

void infer_tell_subnet(const struct inference *inference, unsigned subnet)
{
	struct suggestion *suggestion = inference->suggestion;
	struct gateway_score gateway;
	char text[IP_ADDRESS_TEXT_MAX], network[IP_ADDRESS_TEXT_MAX];
	uint32_t broadcast;
	unsigned living = address_table_living(&inference->table, subnet);

	infer_evidence(suggestion, "%u host%s of %s/%u heard", living, living == 1 ? "" : "s",
		       infer_print(ntohl(suggestion->best.network.s_addr), network),
		       suggestion->best.prefix);
	(void)infer_prefix(&inference->table, subnet, &broadcast);
	if (broadcast)
		infer_evidence(suggestion, "broadcasts to %s bound the prefix",
			       infer_print(broadcast, text));
	else
		infer_evidence(suggestion,
			       "no broadcast address was seen: /%u is the commonest "
			       "prefix that holds all that were heard",
			       suggestion->best.prefix);
	gateway = infer_gateway(inference, subnet, suggestion->best.prefix);
	tell_gateway(inference, &gateway);
	(void)infer_doubts(inference, subnet, suggestion->best.address, &gateway, true);
}

static void tell_prefix6(struct suggestion *suggestion, const struct observation *observation)
{
	const struct ip_prefix prefix = {ip_address_from_bytes(AF_INET6, &observation->prefix6),
					 observation->prefix6_length};
	char text[IP_PREFIX_TEXT_MAX];

	infer_evidence(suggestion, "IPv6 is there, too: a router advertises %s",
		       ip_prefix_print(&prefix, text));
}

void infer_tell_link(const struct inference *inference)
{
	struct suggestion *suggestion = inference->suggestion;
	bool spanning_tree = false;
	const struct observation *ipv6 = NULL;

	for (size_t i = 0; i < inference->count; i++) {
		const struct observation *each = &inference->observations[i];

		spanning_tree = spanning_tree || each->kind == OBSERVATION_BPDU;
		suggestion->dhcp_server = suggestion->dhcp_server ||
					  each->kind == OBSERVATION_DHCP_SERVER ||
					  each->server.s_addr;
		if (each->prefix6_length)
			ipv6 = each;
		if (each->kind == OBSERVATION_DHCP_SERVER && each->dns.s_addr)
			suggestion->dns = each->dns;
	}
	if (suggestion->dhcp_server)
		infer_evidence(suggestion, "a DHCP server serves other hosts");
	if (suggestion->proxy_arp)
		infer_evidence(suggestion,
			       "one MAC answers for addresses of others (proxy ARP): its "
			       "answers prove no host");
	if (ipv6)
		tell_prefix6(suggestion, ipv6);
	if (spanning_tree)
		infer_evidence(suggestion,
			       "a switch speaks STP: its port may have been mute at first");
}
