/*
 * The few helpers that jansson lacks: scope cleanup, typed look-ups, and a safe way to put text
 * from the wire into JSON.
 */
#pragma once

#include <jansson.h>

#include "address.h"
#include "clock.h"
#include "macro.h"

static inline void cleanup_json(json_t **json)
{
	json_decref(*json);
}

#define _cleanup_json_ _cleanup_(cleanup_json)

/* The member as text, number or truth; NULL, `otherwise` or false where it is absent or of another
 * type. Text is borrowed from the object. */
const char *json_member_text(const json_t *object, const char *key);
int64_t json_member_integer(const json_t *object, const char *key, int64_t otherwise);
bool json_member_true(const json_t *object, const char *key);

/* A JSON string from bytes that need not be UTF-8: what is not printable UTF-8 becomes U+FFFD. */
json_t *json_text_from_bytes(const void *bytes, size_t length);

/* The text forms of address.h and clock.h as JSON strings. */
json_t *json_address(const struct ip_address *address);
json_t *json_prefix(const struct ip_prefix *prefix);
json_t *json_mac(const struct hardware_address *mac);
json_t *json_realtime(usec_t realtime);

/* Sets object[key] = value and takes `value`; returns 0 or -ENOMEM (also when value is NULL). */
int json_put(json_t *object, const char *key, json_t *value);
/* The same with an address that is left out where it is unset. */
int json_put_address(json_t *object, const char *key, const struct ip_address *address);
