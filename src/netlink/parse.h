/*
 * The parsers of single kinds, called by netlink_parse(). `object` is zeroed; `body` begins with
 * the kind's fixed header. Results are those of netlink_parse().
 */
#pragma once

#include "attribute.h"
#include "netlink.h"

int netlink_parse_link(struct cursor body, void *object);
int netlink_parse_address(struct cursor body, void *object);
int netlink_parse_route(struct cursor body, void *object);
int netlink_parse_rule(struct cursor body, void *object);
int netlink_parse_neighbour(struct cursor body, void *object);

/* What a policy rule is made of, to be read and written. */
extern const struct attribute_table netlink_rule_attributes;

/* Reads the aligned fixed header at the front of `body`. */
static inline bool parse_header(struct cursor *body, void *header, size_t size)
{
	cursor_copy(body, header, size);
	cursor_skip(body, MIN(cursor_left(body), NLMSG_ALIGN(size) - size));
	return cursor_ok(body);
}

/* The first member of the body of both NLMSG_ERROR and NLMSG_DONE is the error: the end of a dump
 * may carry one (netlink_dump_done()). Negative, or 0. */
int parse_error(const struct nlmsghdr *message);
