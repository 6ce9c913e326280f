/*
 * dhcp: addresses from a server.
 *
 * The protocol machines are pure objects over messages and packets; the service gives them sockets
 * and the time, and turns a lease into intent. Other rooms need the service only.
 *
 *     service.h      the resource type `dhcp`, and its clients at work (worker.c, one a link)
 *     transport.h    the sockets, for all links
 *     client.h       the machine of RFC 2131
 *     acd.h          the machine of RFC 5227: does somebody else have the address?
 *     dna.h          the machine of RFC 4436: is it still the same network?
 *     link_local.h   the machine of RFC 3927: an address where no server answers; worker_local.c
 *     fallback.h     what is used until a server answers, where somebody said so
 *     lease.h        what a server granted; kept in the store by lease_store.c
 *     derive.h       from a lease to intent; worker_lease.c says when
 *     message.h      DHCP messages, with options.h for what a lease is made of
 *     packet.h       IPv4 and UDP around them
 */
#pragma once

#include "service.h"
