/* net.http_probe: what a web server answers, how fast, and with which certificate. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "probe_target.h"

#define REDIRECTS_MAX 10
#define BODY_SHOWN    1024 /* bytes */

static const char *const method_values[] = {"GET", "HEAD", NULL};
static const char *const verdict_values[] = {"as_expected", "captive_portal", "unexpected", NULL};

static const struct field http_parameters[] = {
	{"url", FIELD_TEXT, .required = true, .least = 8, .most = 2047,
	 .help = "http:// or https://, without a user or password"},
	{"method", FIELD_TEXT, .values = method_values, .fallback = "\"GET\"",
	 .help = "HEAD asks for the headers only"},
	{"timeout", FIELD_INTEGER, .unit = "ms", .least = 10, .most = 60000, .fallback = "10000",
	 .help = "For each page, without the look-up of its name"},
	{"follow", FIELD_INTEGER, .least = 0, .most = REDIRECTS_MAX, .fallback = "0",
	 .help = "How many redirects are followed"},
	{"body", FIELD_BOOLEAN, .fallback = "false",
	 .help = "Show the first 1024 bytes of the page; a stranger wrote them"},
	{"expect_status", FIELD_INTEGER, .least = 100, .most = 599,
	 .help = "What is expected where nobody interferes, such as 204"},
	{"expect_body", FIELD_TEXT, .least = 1, .most = 256,
	 .help = "Text that the page holds where nobody interferes"},
	{"link", FIELD_LINK, .help = "Leave by this interface only"},
	{"family", FIELD_TEXT, .values = family_values, .help = "Which addresses are tried"},
	FIELD_END,
};

static const struct field timing_members[] = {
	{"lookup_us", FIELD_INTEGER, .unit = "us", .help = "Of the name; absent for an address"},
	{"connect_us", FIELD_INTEGER, .required = true, .unit = "us",
	 .help = "Until the connection stood; this and the others from the end of the look-up"},
	{"tls_us", FIELD_INTEGER, .unit = "us", .help = "Until it was secured"},
	{"first_byte_us", FIELD_INTEGER, .required = true, .unit = "us",
	 .help = "Until the answer began"},
	{"total_us", FIELD_INTEGER, .required = true, .unit = "us", .help = "Until it ended"},
	FIELD_END,
};

static const struct field header_members[] = {
	{"name", FIELD_TEXT, .required = true, .help = "As it was sent"},
	{"value", FIELD_TEXT, .required = true, .help = "Hidden where it keeps a secret"},
	FIELD_END,
};

static const struct field certificate_members[] = {
	{"subject", FIELD_TEXT, .help = "Whose it is"},
	{"issuer", FIELD_TEXT, .help = "Who signed it"},
	{"names", FIELD_TEXT, .list = true, .required = true, .help = "What it is valid for"},
	{"valid_from", FIELD_TIME, .required = true, .help = "Not before"},
	{"valid_until", FIELD_TIME, .required = true, .help = "Not after"},
	{"days_left", FIELD_INTEGER, .required = true, .unit = "days",
	 .help = "Negative where it has expired"},
	{"verified", FIELD_BOOLEAN, .required = true,
	 .help = "It holds for the host, by the authorities that this host trusts"},
	{"reason", FIELD_TEXT, .help = "Why it does not hold"},
	FIELD_END,
};

static const struct field redirect_members[] = {
	{"status", FIELD_INTEGER, .required = true, .help = "301, 302, ..."},
	{"url", FIELD_TEXT, .required = true, .help = "That was asked"},
	{"location", FIELD_TEXT, .required = true, .help = "Where it leads"},
	FIELD_END,
};

static const struct field http_output[] = {
	{"url", FIELD_TEXT, .required = true, .help = "That was asked last"},
	{"status", FIELD_INTEGER, .required = true, .help = "200, 301, ..."},
	{"version", FIELD_TEXT, .required = true, .help = "Of HTTP: 1.1, 2"},
	{"address", FIELD_ADDRESS, .help = "That answered"},
	{"addresses", FIELD_ADDRESS, .list = true, .required = true, .help = "Of the host"},
	{"timing", FIELD_OBJECT, .required = true, .members = timing_members,
	 .help = "How long it took"},
	{"redirects", FIELD_OBJECT, .list = true, .required = true, .members = redirect_members,
	 .help = "In order; the last one was not followed where there were more than allowed"},
	{"headers", FIELD_OBJECT, .list = true, .required = true, .members = header_members,
	 .help = "Of the answer, without their secrets"},
	{"body_bytes", FIELD_INTEGER, .required = true, .unit = "bytes",
	 .help = "That were read, 65536 at most"},
	{"body_cut", FIELD_BOOLEAN, .required = true, .help = "There was more"},
	{"body_sha256", FIELD_TEXT, .required = true, .help = "Of what was read"},
	{"body", FIELD_TEXT, .help = "Its beginning, where that was asked for"},
	{"certificate", FIELD_OBJECT, .members = certificate_members, .help = "Of https"},
	{"verdict", FIELD_TEXT, .values = verdict_values,
	 .help = "Of what was expected: as_expected; captive_portal: somebody on the way answers "
		 "in the server's place; unexpected: something else came"},
	FIELD_END,
};

struct http_call {
	struct tool_call *call;
	struct probe_target target;
	struct http_request request;
	struct http_url url;
	struct http_probe *probe;
	json_t *redirects;
	unsigned follow;
	usec_t lookup_started, lookup_time;
};

static void http_call_stop(void *state)
{
	struct http_call *http = state;

	probe_target_stop(&http->target);
	if (http->probe)
		http_probe_cancel(http->probe);
	json_decref(http->redirects);
	free(http);
}

/* ---- the answer ---- */

static json_t *timing_json(const struct http_call *http, const struct http_result *result)
{
	_cleanup_json_ json_t *timing = json_object();
	int r = json_put(timing, "connect_us", json_integer((json_int_t)result->connected)) |
		json_put(timing, "first_byte_us", json_integer((json_int_t)result->first_byte)) |
		json_put(timing, "total_us", json_integer((json_int_t)result->total));

	if (http->lookup_time)
		r |= json_put(timing, "lookup_us", json_integer((json_int_t)http->lookup_time));
	if (result->secured)
		r |= json_put(timing, "tls_us", json_integer((json_int_t)result->secured));
	return r < 0 ? NULL : TAKE_PTR(timing);
}

static json_t *addresses_json(const struct http_call *http)
{
	_cleanup_json_ json_t *addresses = json_array();

	for (unsigned i = 0; i < http->target.count; i++)
		if (json_array_append_new(addresses, json_address(&http->target.addresses[i])) < 0)
			return NULL;
	return TAKE_PTR(addresses);
}

static json_t *hash_json(const struct http_result *result)
{
	unsigned char hash[crypto_hash_sha256_BYTES];
	char text[crypto_hash_sha256_BYTES * 2 + 1];

	crypto_hash_sha256(hash, result->body, result->body_size);
	return json_string(sodium_bin2hex(text, sizeof(text), hash, sizeof(hash)));
}

/* NULL where nothing was expected. A portal redirects, asks to log in (RFC 6585 6), or shows a page
 * of its own where another was expected. */
static const char *judge(const struct http_call *http, const struct http_result *result)
{
	const json_t *arguments = tool_call_arguments(http->call);
	int64_t status = json_member_integer(arguments, "expect_status", 0);
	const char *text = json_member_text(arguments, "expect_body");
	bool status_fits = status == 0 || (unsigned)status == result->status;
	bool text_fits = !text || memmem(result->body, result->body_size, text, strlen(text));

	if (status == 0 && !text)
		return NULL;
	if (status_fits && text_fits)
		return "as_expected";
	if (result->location[0] || json_array_size(http->redirects) > 0 || result->status == 511 ||
	    (result->status == 200 && strcmp(http->url.scheme, "http") == 0))
		return "captive_portal";
	return "unexpected";
}

static json_t *result_json(const struct http_call *http, const struct http_result *result)
{
	bool body = json_member_true(tool_call_arguments(http->call), "body");
	_cleanup_json_ json_t *object = json_object();
	const char *verdict = judge(http, result);
	int r;

	r = json_put(object, "url",
		     json_text_from_bytes(http->request.url, strlen(http->request.url)));
	r |= json_put(object, "status", json_integer(result->status));
	r |= json_put(object, "version", json_string(result->version));
	r |= json_put_address(object, "address", &result->address);
	r |= json_put(object, "addresses", addresses_json(http));
	r |= json_put(object, "timing", timing_json(http, result));
	r |= json_put(object, "redirects", json_incref(http->redirects));
	r |= json_put(object, "headers", json_incref(result->headers));
	r |= json_put(object, "body_bytes", json_integer((json_int_t)result->body_size));
	r |= json_put(object, "body_cut", json_boolean(result->body_cut));
	r |= json_put(object, "body_sha256", hash_json(result));
	if (body)
		r |= json_put(object, "body",
			      json_text_from_bytes(result->body,
						   MIN(result->body_size, (size_t)BODY_SHOWN)));
	if (result->certificate)
		r |= json_put(object, "certificate", json_incref(result->certificate));
	if (verdict)
		r |= json_put(object, "verdict", json_string(verdict));
	return r < 0 ? NULL : TAKE_PTR(object);
}

/* ---- one page after the other ---- */

static int ask(struct http_call *http, struct error *error);

static int note_redirect(struct http_call *http, const struct http_result *result)
{
	const char *url = http->request.url, *location = result->location;
	_cleanup_json_ json_t *redirect = json_object();
	int r = json_put(redirect, "status", json_integer(result->status)) |
		json_put(redirect, "url", json_text_from_bytes(url, strlen(url))) |
		json_put(redirect, "location", json_text_from_bytes(location, strlen(location)));

	return r < 0 ? r : json_array_append(http->redirects, redirect);
}

static void complete(struct http_call *http, const struct http_result *result)
{
	json_t *json = result_json(http, result);
	struct error error = {0};

	if (json) {
		tool_call_complete(http->call, json);
		return;
	}
	out_of_memory(&error);
	tool_call_fail(http->call, &error);
}

static void on_answer(int r, const struct http_result *result, const struct error *failure,
		      void *userdata)
{
	struct http_call *http = userdata;
	struct error error = *failure;

	http->probe = NULL;
	if (r == 0 && result->location[0] && note_redirect(http, result) < 0)
		r = out_of_memory(&error);
	if (r == 0 && (!result->location[0] || json_array_size(http->redirects) > http->follow)) {
		complete(http, result);
		return;
	}
	if (r == 0) {
		(void)text_copy(http->request.url, sizeof(http->request.url), result->location);
		r = ask(http, &error);
	}
	if (r < 0)
		tool_call_fail(http->call, &error);
}

static int begin(struct http_call *http, struct error *error)
{
	memcpy(http->request.addresses, http->target.addresses, sizeof(http->request.addresses));
	http->request.addresses_count = http->target.count;
	return http_probe_start(&http->probe, tool_call_event(http->call), &http->request,
				on_answer, http, error);
}

static void on_found(int r, const struct error *target_error, void *userdata)
{
	struct http_call *http = userdata;
	struct error error = {0};

	http->lookup_time = usec_sub(clock_boottime_usec(), http->lookup_started);
	if (r == 0)
		r = begin(http, &error);
	else
		error = *target_error;
	if (r < 0) {
		(void)text_copy(error.parameter, sizeof(error.parameter), "url");
		tool_call_fail(http->call, &error);
	}
}

/* Looks up the host of the URL, and asks it. */
static int ask(struct http_call *http, struct error *error)
{
	int r = http_url_parse(http->request.url, &http->url, error);

	if (r < 0)
		return r;
	(void)text_copy(http->target.host, sizeof(http->target.host), http->url.host);
	http->target.count = 0;
	http->lookup_time = 0;
	http->lookup_started = clock_boottime_usec();
	r = probe_target_start(&http->target, on_found, http, error);
	if (r < 0 && error)
		(void)text_copy(error->parameter, sizeof(error->parameter), "url");
	return r == 1 ? begin(http, error) : r;
}

static int read_request(struct http_call *http, struct error *error)
{
	const json_t *arguments = tool_call_arguments(http->call);
	int r = probe_link(http->call, http->request.interface, error);

	if (r < 0)
		return r;
	http->redirects = json_array();
	http->follow = (unsigned)json_member_integer(arguments, "follow", 0);
	http->request.timeout = probe_milliseconds(http->call, "timeout");
	http->request.head = strcmp(json_member_text(arguments, "method"), "HEAD") == 0;
	(void)text_copy(http->request.url, sizeof(http->request.url),
			json_member_text(arguments, "url"));
	http->target.call = http->call;
	http->target.family = argument_family(http->call);
	http->target.all = true;
	memcpy(http->target.interface, http->request.interface, IFNAMSIZ);
	return http->redirects ? 0 : out_of_memory(error);
}

static int call_http_probe(struct tool_call *call, json_t **ret, struct error *error)
{
	struct http_call *http = calloc(1, sizeof(*http));
	int r;

	if (!http)
		return out_of_memory(error);
	http->call = call;
	r = read_request(http, error);
	if (r == 0)
		r = ask(http, error);
	if (r < 0) {
		http_call_stop(http);
		return r;
	}
	tool_call_set_state(call, http, http_call_stop);
	return TOOL_LATER;
}

static char *summarise_http_probe(const json_t *result)
{
	const json_t *certificate = json_object_get(result, "certificate");
	const char *verdict = json_member_text(result, "verdict");
	const char *trust = "";
	char *text;
	int n;

	if (certificate)
		trust = json_member_true(certificate, "verified") ? ", certificate verified"
								  : ", certificate NOT verified";
	n = asprintf(&text, "%s: %" PRId64 " in %" PRId64 " us%s%s%s",
		     json_member_text(result, "url"), json_member_integer(result, "status", 0),
		     json_member_integer(json_object_get(result, "timing"), "total_us", 0), trust,
		     verdict ? ", " : "", verdict ?: "");
	return n < 0 ? NULL : text;
}

static const struct tool tools[] = {
	{
		.name = "net.http_probe",
		.title = "Ask a web server",
		.description =
			"Asks a web server for a page and tells the time of each phase, the "
			"status, the headers without their secrets, redirects, and the "
			"certificate with the reason where it does not hold. With expect_status "
			"or expect_body it judges whether a captive portal answers in the "
			"server's place. What the page says is a stranger's word.",
		.parameters = http_parameters,
		.output = http_output,
		.hints = HINT_READ_ONLY | HINT_IDEMPOTENT | HINT_OPEN_WORLD,
		.risk = RISK_LOW,
		.role = ROLE_OBSERVER,
		.time_limit = 90000,
		.call = call_http_probe,
		.summarise = summarise_http_probe,
	},
};

const struct tool_set http_tools = {tools, ARRAY_SIZE(tools)};
