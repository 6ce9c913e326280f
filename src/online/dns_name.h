/* Domain names on the wire and in text (RFC 1035 3.1, 4.1.4 and 5.1). */
#pragma once

#include "dns_message.h"

/* Writes the name of presentation form `text`, uncompressed. 0, or -EINVAL: an empty or too long
 * label, more than 255 octets, a broken escape. */
int dns_name_write(struct writer *writer, const char *text);

/* Reads the name at the cursor, following compression within the cursor's whole buffer, into `text`
 * (DNS_NAME_TEXT_MAX bytes, may be NULL); the cursor stands behind the name then. 0, or -EBADMSG
 * and the cursor fails: a pointer that does not point backwards, a reserved label, more than 255
 * octets. */
int dns_name_read(struct cursor *cursor, char *text);

void dns_name_skip(struct cursor *cursor);
