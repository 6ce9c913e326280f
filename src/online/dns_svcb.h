/* Service parameters of SVCB and HTTPS records (RFC 9460 section 2 and 14.3). */
#pragma once

#include "dns_message.h"

/* Takes the parameters up to the end of the cursor; see data_reader_t in dns_record.c. */
json_t *dns_svcb_read(struct cursor *cursor, bool want);

/* "c0ffee": NULL when memory is exhausted. */
json_t *dns_hex_to_json(const uint8_t *bytes, size_t length);
