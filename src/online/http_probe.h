/*
 * HTTP probe: asks a web server for one page, and says how long each phase took, what came, and
 * whether its certificate holds. libcurl carries it, with its sockets on our event loop; names are
 * looked up before, by who asks. Redirects are reported, not followed. What the server sends is
 * untrusted also where its certificate holds.
 */
#pragma once

#include <net/if.h>
#include <systemd/sd-event.h>

#include "base/base.h"

#define HTTP_BODY_MAX	   (64 * 1024)
#define HTTP_HEADERS_MAX   64
#define HTTP_ADDRESSES_MAX 8
#define HTTP_TIMEOUT_MAX   (60 * USEC_PER_SEC)

struct http_url {
	char scheme[8]; /* "http" or "https" */
	char host[256]; /* without the brackets of an IPv6 address */
	uint16_t port;
};

struct http_request {
	char url[2048];
	struct ip_address addresses[HTTP_ADDRESSES_MAX]; /* of the host; tried in turn */
	unsigned addresses_count;			 /* at least 1 */
	char interface[IFNAMSIZ];			 /* leave by this one only, "" for any */
	usec_t timeout;					 /* for all of it */
	bool head;					 /* ask for the headers only */
};

struct http_result {
	unsigned status;			      /* 200 */
	const char *version;			      /* "1.1", "2" */
	struct ip_address address;		      /* that answered */
	usec_t connected, secured, first_byte, total; /* since the start; `secured` 0 without TLS */
	char location[2048]; /* where a redirect leads, absolute; "" for none */
	json_t *headers;     /* [{name, value}], secrets hidden; borrowed */
	json_t *certificate; /* NULL for none; borrowed */
	const uint8_t *body; /* borrowed */
	size_t body_size;
	bool body_cut; /* there was more */
};

struct http_probe;

/* Called once, from the event loop, all borrowed. `r` is 0, or a negative errno with `error`
 * filled: connection.refused, host.unreachable, timeout, protocol.failed. */
typedef void (*http_done_t)(int r, const struct http_result *result, const struct error *error,
			    void *userdata);

/* Takes a URL apart. 0, or a negative errno with `error` filled (parameter "url"): parameter.range
 * when it is none, is neither http nor https, or holds a password. */
int http_url_parse(const char *text, struct http_url *ret, struct error *error);

int http_probe_start(struct http_probe **ret, sd_event *event, const struct http_request *request,
		     http_done_t done, void *userdata, struct error *error);

/* Ends it without calling `done`. */
void http_probe_cancel(struct http_probe *probe);
DEFINE_CLEANUP(struct http_probe *, http_probe_cleanup, http_probe_cancel)

/* A line of the answer as {name, value}; the value of what keeps secrets is hidden. NULL where it
 * is no header. Pure. */
json_t *http_header_to_json(const char *line, size_t length);
