/*
 * The MAC addresses of the devices that we make.
 *
 * Left to the kernel, a device has another address each time that it is made, and a bridge takes
 * that of a port, and loses it again with the last one (br_stp_if.c,
 * br_stp_recalculate_bridge_id()): leases and neighbours are lost with it. So we give each an
 * address that follows from its name and a secret of this host: the same after every restart and
 * rollback, and another one on every host.
 */
#pragma once

#include "link.h"

/* Devices of this kind have an address of their own: not a VLAN, which has its parent's, nor a
 * bond, which has a port's. */
bool own_mac_is_given(const char *kind);

/* The address of the device `name`: unicast, locally administered (IEEE 802, U/L bit). The secret
 * is made and stored when it is needed first. Returns 0, or a negative errno without a secret. */
int own_mac(struct core *core, const char *name, struct hardware_address *ret);
