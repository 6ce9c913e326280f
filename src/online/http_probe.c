#include "http_probe.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "http_certificate.h"
#include "http_library.h"

struct http_probe {
	struct http_library library;
	struct http_request request;
	struct http_url url;
	struct http_result result;
	sd_event *event;
	sd_event_source *timer;
	CURLM *multi;
	CURL *easy;
	struct curl_slist *resolved;
	char failure[CURL_ERROR_SIZE];
	uint8_t body[HTTP_BODY_MAX];
	http_done_t done;
	void *userdata;
};

static int url_part(const struct http_library *library, CURLU *url, CURLUPart part, unsigned flags,
		    char *buffer, size_t size)
{
	char *text = NULL;
	int r = -ENOENT;

	if (library->curl_url_get(url, part, &text, flags) == CURLUE_OK)
		r = text_copy(buffer, size, text) ? 0 : -ENAMETOOLONG;
	library->curl_free(text);
	return r;
}

static int url_take_apart(const struct http_library *library, CURLU *url, const char *text,
			  struct http_url *ret)
{
	char port[8], user[4];
	size_t length;

	if (library->curl_url_set(url, CURLUPART_URL, text, 0) != CURLUE_OK ||
	    url_part(library, url, CURLUPART_SCHEME, 0, ret->scheme, sizeof(ret->scheme)) < 0 ||
	    url_part(library, url, CURLUPART_HOST, 0, ret->host, sizeof(ret->host)) < 0 ||
	    url_part(library, url, CURLUPART_PORT, CURLU_DEFAULT_PORT, port, sizeof(port)) < 0 ||
	    url_part(library, url, CURLUPART_USER, 0, user, sizeof(user)) != -ENOENT ||
	    (strcmp(ret->scheme, "http") != 0 && strcmp(ret->scheme, "https") != 0))
		return -ERANGE;
	ret->port = (uint16_t)strtoul(port, NULL, 10);
	length = strlen(ret->host);
	if (ret->host[0] == '[' && length > 2) {
		memmove(ret->host, ret->host + 1, length - 2);
		ret->host[length - 2] = '\0';
	}
	return ret->port ? 0 : -ERANGE;
}

int http_url_parse(const char *text, struct http_url *ret, struct error *error)
{
	struct http_library library;
	CURLU *url;
	int r = http_library_load(&library, error);

	if (r < 0)
		return r;
	url = library.curl_url();
	r = url ? url_take_apart(&library, url, text, ret) : -ENOMEM;
	library.curl_url_cleanup(url);
	if (r == 0)
		return 0;
	return error_set(error, ERROR_PARAMETER_RANGE, "url",
			 "it takes an http or https URL without a user or password");
}

/* ---- the end ---- */

void http_probe_cancel(struct http_probe *probe)
{
	const struct http_library *library = &probe->library;

	/* This order: the handles' callbacks let go of the event sources. */
	if (probe->multi && probe->easy)
		library->curl_multi_remove_handle(probe->multi, probe->easy);
	if (probe->easy)
		library->curl_easy_cleanup(probe->easy);
	if (probe->multi)
		library->curl_multi_cleanup(probe->multi);
	if (probe->resolved)
		library->curl_slist_free_all(probe->resolved);
	sd_event_source_disable_unref(probe->timer);
	sd_event_unref(probe->event);
	json_decref(probe->result.headers);
	json_decref(probe->result.certificate);
	free(probe);
}

static usec_t information_time(const struct http_probe *probe, CURLINFO which)
{
	curl_off_t time = 0;

	if (probe->library.curl_easy_getinfo(probe->easy, which, &time) != CURLE_OK || time < 0)
		return 0;
	return (usec_t)time;
}

static const char *version_text(long version)
{
	switch (version) {
	case CURL_HTTP_VERSION_1_0:
		return "1.0";
	case CURL_HTTP_VERSION_1_1:
		return "1.1";
	case CURL_HTTP_VERSION_2_0:
		return "2";
	case CURL_HTTP_VERSION_3:
		return "3";
	default:
		return "0.9";
	}
}

static void take_information(struct http_probe *probe)
{
	const struct http_library *library = &probe->library;
	struct http_result *result = &probe->result;
	struct curl_certinfo *chain = NULL;
	const char *address = NULL, *location = NULL;
	long status = 0, version = 0;

	library->curl_easy_getinfo(probe->easy, CURLINFO_RESPONSE_CODE, &status);
	library->curl_easy_getinfo(probe->easy, CURLINFO_HTTP_VERSION, &version);
	library->curl_easy_getinfo(probe->easy, CURLINFO_PRIMARY_IP, &address);
	library->curl_easy_getinfo(probe->easy, CURLINFO_REDIRECT_URL, &location);
	result->status = (unsigned)status;
	result->version = version_text(version);
	if (!address || ip_address_parse(address, &result->address, NULL, NULL) < 0)
		result->address = (struct ip_address){0};
	if (location)
		(void)text_copy(result->location, sizeof(result->location), location);
	result->connected = information_time(probe, CURLINFO_CONNECT_TIME_T);
	result->secured = information_time(probe, CURLINFO_APPCONNECT_TIME_T);
	result->first_byte = information_time(probe, CURLINFO_STARTTRANSFER_TIME_T);
	result->total = information_time(probe, CURLINFO_TOTAL_TIME_T);
	result->body = probe->body;
	if (strcmp(probe->url.scheme, "https") == 0 &&
	    library->curl_easy_getinfo(probe->easy, CURLINFO_CERTINFO, &chain) == CURLE_OK && chain)
		result->certificate =
			http_certificate_to_json(library, chain, probe->url.host, time(NULL));
}

static int explain_failure(const struct http_probe *probe, CURLcode code, struct error *error)
{
	long errnum = 0;

	probe->library.curl_easy_getinfo(probe->easy, CURLINFO_OS_ERRNO, &errnum);
	if (code == CURLE_OPERATION_TIMEDOUT)
		return error_set(error, ERROR_TIMEOUT, "url", "%s port %u: %s within the time",
				 probe->url.host, probe->url.port,
				 probe->result.connected ? "no answer" : "no connection");
	if (code == CURLE_COULDNT_CONNECT && errnum == ECONNREFUSED)
		return error_set(error, ERROR_CONNECTION_REFUSED, "url",
				 "%s refuses connections to port %u", probe->url.host,
				 probe->url.port);
	if (code == CURLE_COULDNT_CONNECT || code == CURLE_INTERFACE_FAILED)
		return error_set(error, ERROR_HOST_UNREACHABLE, "url", "%s port %u: %s",
				 probe->url.host, probe->url.port,
				 errnum ? strerror((int)errnum) : probe->failure);
	return error_set(error, ERROR_PROTOCOL_FAILED, "url", "%s port %u: %s", probe->url.host,
			 probe->url.port,
			 probe->failure[0] ? probe->failure
					   : probe->library.curl_easy_strerror(code));
}

/* Ends the probe where libcurl is done with it. */
static int look_for_end(struct http_probe *probe)
{
	struct error error = {0};
	const CURLMsg *message;
	int waiting, r = 0;

	message = probe->library.curl_multi_info_read(probe->multi, &waiting);
	if (!message || message->msg != CURLMSG_DONE)
		return 0;
	take_information(probe);
	/* We ended it ourselves when we had enough. */
	if (message->data.result != CURLE_OK && !probe->result.body_cut)
		r = explain_failure(probe, message->data.result, &error);
	probe->done(r, &probe->result, &error, probe->userdata);
	http_probe_cancel(probe);
	return 0;
}

/* ---- libcurl on the event loop ---- */

static int on_socket(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct http_probe *probe = userdata;
	int running, action = 0;

	if (events & EPOLLIN)
		action |= CURL_CSELECT_IN;
	if (events & EPOLLOUT)
		action |= CURL_CSELECT_OUT;
	if (events & (EPOLLERR | EPOLLHUP))
		action |= CURL_CSELECT_ERR;
	probe->library.curl_multi_socket_action(probe->multi, fd, action, &running);
	return look_for_end(probe);
}

static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *userdata, void *socket_data)
{
	struct http_probe *probe = userdata;
	sd_event_source *source = socket_data;
	uint32_t events = 0;

	if (what == CURL_POLL_REMOVE) {
		sd_event_source_disable_unref(source);
		return 0;
	}
	if (what & CURL_POLL_IN)
		events |= EPOLLIN;
	if (what & CURL_POLL_OUT)
		events |= EPOLLOUT;
	if (source)
		return sd_event_source_set_io_events(source, events) < 0 ? -1 : 0;
	if (sd_event_add_io(probe->event, &source, fd, events, on_socket, probe) < 0)
		return -1;
	probe->library.curl_multi_assign(probe->multi, fd, source);
	return 0;
}

static int on_timer(sd_event_source *source, uint64_t time, void *userdata)
{
	struct http_probe *probe = userdata;
	int running;

	probe->library.curl_multi_socket_action(probe->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	return look_for_end(probe);
}

static int set_timer(CURLM *multi, long milliseconds, void *userdata)
{
	struct http_probe *probe = userdata;
	usec_t when;

	if (milliseconds < 0)
		return sd_event_source_set_enabled(probe->timer, SD_EVENT_OFF) < 0 ? -1 : 0;
	when = usec_add(clock_boottime_usec(), (usec_t)milliseconds * USEC_PER_MSEC);
	if (sd_event_source_set_time(probe->timer, when) < 0 ||
	    sd_event_source_set_enabled(probe->timer, SD_EVENT_ONESHOT) < 0)
		return -1;
	return 0;
}

/* ---- what comes ---- */

static size_t take_body(char *bytes, size_t one, size_t size, void *userdata)
{
	struct http_probe *probe = userdata;
	size_t room = sizeof(probe->body) - probe->result.body_size;
	size_t taken = MIN(size, room);

	memcpy(probe->body + probe->result.body_size, bytes, taken);
	probe->result.body_size += taken;
	probe->result.body_cut = taken < size;
	return taken;
}

static size_t take_header(char *bytes, size_t one, size_t size, void *userdata)
{
	struct http_probe *probe = userdata;
	json_t *header;

	/* A new status line (after "100 Continue") begins anew. */
	if (size > 5 && strncmp(bytes, "HTTP/", 5) == 0)
		json_array_clear(probe->result.headers);
	else if (json_array_size(probe->result.headers) < HTTP_HEADERS_MAX &&
		 (header = http_header_to_json(bytes, size)) &&
		 json_array_append_new(probe->result.headers, header) < 0)
		return 0;
	return size;
}

/* ---- the start ---- */

/* "HOST:PORT:ADDRESS,ADDRESS": libcurl is to look up nothing. */
static int set_addresses(struct http_probe *probe)
{
	char line[256 + 8 + HTTP_ADDRESSES_MAX * (IP_ADDRESS_TEXT_MAX + 3)];
	size_t used;
	int n = snprintf(line, sizeof(line), "%s:%u:", probe->url.host, probe->url.port);

	used = (size_t)n;
	for (unsigned i = 0; i < probe->request.addresses_count; i++) {
		const struct ip_address *address = &probe->request.addresses[i];
		bool v6 = address->family == AF_INET6;
		char text[IP_ADDRESS_TEXT_MAX];

		n = snprintf(line + used, sizeof(line) - used, "%s%s%s%s", i ? "," : "",
			     v6 ? "[" : "", ip_address_print(address, text), v6 ? "]" : "");
		used += (size_t)n;
	}
	probe->resolved = probe->library.curl_slist_append(NULL, line);
	return probe->resolved ? 0 : -ENOMEM;
}

static int set_options(struct http_probe *probe)
{
	__typeof__(&curl_easy_setopt) set = probe->library.curl_easy_setopt;
	CURL *easy = probe->easy;
	char interface[IFNAMSIZ + 4];
	int r = 0;

	snprintf(interface, sizeof(interface), "if!%s", probe->request.interface);
	r |= (int)set(easy, CURLOPT_URL, probe->request.url);
	r |= (int)set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	r |= (int)set(easy, CURLOPT_PROXY, "");
	r |= (int)set(easy, CURLOPT_NOSIGNAL, 1L);
	r |= (int)set(easy, CURLOPT_NOBODY, probe->request.head ? 1L : 0L);
	r |= (int)set(easy, CURLOPT_USERAGENT, "aiosnet/" AIOSNET_VERSION);
	r |= (int)set(easy, CURLOPT_TIMEOUT_MS, (long)(probe->request.timeout / USEC_PER_MSEC));
	r |= (int)set(easy, CURLOPT_ERRORBUFFER, probe->failure);
	r |= (int)set(easy, CURLOPT_WRITEFUNCTION, take_body);
	r |= (int)set(easy, CURLOPT_WRITEDATA, probe);
	r |= (int)set(easy, CURLOPT_HEADERFUNCTION, take_header);
	r |= (int)set(easy, CURLOPT_HEADERDATA, probe);
	r |= (int)set(easy, CURLOPT_RESOLVE, probe->resolved);
	/* We judge the certificate ourselves: one that does not hold is to be shown, and nothing
	 * secret is sent. */
	r |= (int)set(easy, CURLOPT_CERTINFO, 1L);
	r |= (int)set(easy, CURLOPT_SSL_VERIFYPEER, 0L);
	r |= (int)set(easy, CURLOPT_SSL_VERIFYHOST, 0L);
	r |= (int)set(easy, CURLOPT_CAINFO, NULL);
	r |= (int)set(easy, CURLOPT_CAPATH, NULL);
	if (probe->request.interface[0])
		r |= (int)set(easy, CURLOPT_INTERFACE, interface);
	return r ? -ENOMEM : 0;
}

static int prepare(struct http_probe *probe)
{
	__typeof__(&curl_multi_setopt) set = probe->library.curl_multi_setopt;

	probe->result.headers = json_array();
	probe->multi = probe->library.curl_multi_init();
	probe->easy = probe->library.curl_easy_init();
	if (!probe->multi || !probe->easy || !probe->result.headers ||
	    sd_event_add_time(probe->event, &probe->timer, CLOCK_BOOTTIME, USEC_INFINITY, 1,
			      on_timer, probe) < 0)
		return -ENOMEM;
	if (set(probe->multi, CURLMOPT_SOCKETFUNCTION, watch_socket) ||
	    set(probe->multi, CURLMOPT_SOCKETDATA, probe) ||
	    set(probe->multi, CURLMOPT_TIMERFUNCTION, set_timer) ||
	    set(probe->multi, CURLMOPT_TIMERDATA, probe))
		return -ENOMEM;
	if (set_addresses(probe) < 0 || set_options(probe) < 0)
		return -ENOMEM;
	return probe->library.curl_multi_add_handle(probe->multi, probe->easy) ? -ENOMEM : 0;
}

int http_probe_start(struct http_probe **ret, sd_event *event, const struct http_request *request,
		     http_done_t done, void *userdata, struct error *error)
{
	_cleanup_(http_probe_cleanup) struct http_probe *probe = calloc(1, sizeof(*probe));
	int r;

	if (!probe)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "memory is exhausted");
	r = http_library_load(&probe->library, error);
	if (r == 0)
		r = http_url_parse(request->url, &probe->url, error);
	if (r < 0)
		return r;
	probe->request = *request;
	probe->event = sd_event_ref(event);
	probe->done = done;
	probe->userdata = userdata;
	if (prepare(probe) < 0)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "memory is exhausted");
	*ret = TAKE_PTR(probe);
	return 0;
}
