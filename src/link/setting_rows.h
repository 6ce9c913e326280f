/*
 * The kernel's settings of a link that intent may name: name, family (the folder below
 * /proc/sys/net), file, least and greatest value, and whether the kernel tells when it changes
 * (RTM_NEWNETCONF). Of the two families' settings of one name, that of IPv6 has the prefix.
 */
#pragma once

/* clang-format off */
#define SETTING_ROWS(ROW) \
	ROW(accept_local, ipv4, accept_local, 0, 1, false) \
	ROW(accept_redirects, ipv4, accept_redirects, 0, 1, false) \
	ROW(accept_source_route, ipv4, accept_source_route, 0, 1, false) \
	ROW(arp_accept, ipv4, arp_accept, 0, 2, false) \
	ROW(arp_announce, ipv4, arp_announce, 0, 2, false) \
	ROW(arp_filter, ipv4, arp_filter, 0, 1, false) \
	ROW(arp_ignore, ipv4, arp_ignore, 0, 8, false) \
	ROW(arp_notify, ipv4, arp_notify, 0, 1, false) \
	ROW(drop_gratuitous_arp, ipv4, drop_gratuitous_arp, 0, 1, false) \
	ROW(forwarding, ipv4, forwarding, 0, 1, true) \
	ROW(log_martians, ipv4, log_martians, 0, 1, false) \
	ROW(proxy_arp, ipv4, proxy_arp, 0, 1, true) \
	ROW(proxy_arp_pvlan, ipv4, proxy_arp_pvlan, 0, 1, false) \
	ROW(route_localnet, ipv4, route_localnet, 0, 1, false) \
	ROW(rp_filter, ipv4, rp_filter, 0, 2, true) \
	ROW(secure_redirects, ipv4, secure_redirects, 0, 1, false) \
	ROW(send_redirects, ipv4, send_redirects, 0, 1, false) \
	ROW(shared_media, ipv4, shared_media, 0, 1, false) \
	ROW(src_valid_mark, ipv4, src_valid_mark, 0, 1, false) \
	ROW(accept_dad, ipv6, accept_dad, 0, 2, false) \
	ROW(accept_ra, ipv6, accept_ra, 0, 2, false) \
	ROW(accept_ra_defrtr, ipv6, accept_ra_defrtr, 0, 1, false) \
	ROW(accept_ra_mtu, ipv6, accept_ra_mtu, 0, 1, false) \
	ROW(accept_ra_pinfo, ipv6, accept_ra_pinfo, 0, 1, false) \
	ROW(addr_gen_mode, ipv6, addr_gen_mode, 0, 3, false) \
	ROW(autoconf, ipv6, autoconf, 0, 1, false) \
	ROW(dad_transmits, ipv6, dad_transmits, 0, 100, false) \
	ROW(disable_ipv6, ipv6, disable_ipv6, 0, 1, false) \
	ROW(ipv6_accept_redirects, ipv6, accept_redirects, 0, 1, false) \
	ROW(ipv6_accept_source_route, ipv6, accept_source_route, -1, 2, false) \
	ROW(ipv6_force_forwarding, ipv6, force_forwarding, 0, 1, false) \
	ROW(ipv6_forwarding, ipv6, forwarding, 0, 2, true) \
	ROW(keep_addr_on_down, ipv6, keep_addr_on_down, -1, 1, false) \
	ROW(ndisc_notify, ipv6, ndisc_notify, 0, 1, false) \
	ROW(proxy_ndp, ipv6, proxy_ndp, 0, 1, true) \
	ROW(use_tempaddr, ipv6, use_tempaddr, -1, 2, false)
/* clang-format on */
