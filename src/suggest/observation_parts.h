/*
 * The payloads that tell something, each a pure function of a cursor behind the header that leads
 * to it. 0 with members of `ret` set; 1 when it tells nothing; -EBADMSG when it is cut off.
 */
#pragma once

#include "observation.h"

struct in_addr observation_read_address(struct cursor *cursor);

/* A message of RFC 2131: what a server gives, or what a client wants. */
int observation_parse_dhcp(struct cursor *cursor, struct observation *ret);
/* IEEE 802.1AB: capabilities and management address. */
int observation_parse_lldp(struct cursor *cursor, struct observation *ret);
/* Cisco's discovery protocol, behind its SNAP header: capabilities and addresses. */
int observation_parse_cdp(struct cursor *cursor, struct observation *ret);
/* RFC 1002 4.2.2 (a name that is registered or refreshed) and 4.4.1 (a datagram). */
int observation_parse_netbios_name(struct cursor *cursor, struct observation *ret);
int observation_parse_netbios_datagram(struct cursor *cursor, struct observation *ret);
/* RFC 6762: the first address (A) of a response. */
int observation_parse_mdns(struct cursor *cursor, struct observation *ret);
/* RFC 4861 4.2, behind the IPv6 header: the first prefix. */
int observation_parse_router_advertisement(struct cursor *cursor, struct observation *ret);
