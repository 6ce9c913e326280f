/*
 * dhcp: addresses from a server.
 *
 * The protocol machines (client.h, acd.h, dna.h) are pure objects over messages (message.h,
 * lease.h) and packets (packet.h, arp.h); the service gives them sockets and the time, and turns a
 * lease into intent. Other rooms need the service only.
 */
#pragma once

#include "service.h"
