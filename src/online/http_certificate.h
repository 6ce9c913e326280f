/* The certificate that a web server showed: whose, by whom, until when, and whether it holds. */
#pragma once

#include "http_library.h"

/* `chain`: what libcurl tells of the certificates. {subject, issuer, names, valid_from,
 * valid_until, days_left, verified, reason}, or NULL where there is none to read. `now`: realtime
 * seconds. */
json_t *http_certificate_to_json(const struct http_library *library,
				 const struct curl_certinfo *chain, const char *host, time_t now);
