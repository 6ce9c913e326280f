/*
 * Reading the members of a specification from JSON, for the parse() of resource types. Each
 * function returns 0 or a negative errno with `error` filled, which names the member.
 */
#pragma once

#include <net/if.h>

#include "base/base.h"

/* The mandatory member as text; borrowed from the object. */
int spec_member_text(const json_t *object, const char *key, const char **ret, struct error *error);
/* May intent name an interface so? The kernel takes more: bytes that are no UTF-8, and controls. */
bool spec_link_name_valid(const char *name);
/* The mandatory member as the name of an interface, which need not exist. */
int spec_member_link(const json_t *object, const char *key, char ret[IFNAMSIZ],
		     struct error *error);
/* An optional number of 32 bits; absent is 0. */
int spec_member_u32(const json_t *object, const char *key, uint32_t *ret, struct error *error);
/* An optional address; absent is unset. */
int spec_member_address(const json_t *object, const char *key, struct ip_address *ret,
			struct error *error);
/* An optional truth: 1 where it is given, 0 where it is absent and `ret` as it was. */
int spec_member_bool(const json_t *object, const char *key, bool *ret, struct error *error);
