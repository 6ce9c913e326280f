#include "online.h"

#include <stdio.h>
#include <string.h>

#define LOOKUP_TIME_MAX	   (3 * USEC_PER_SEC)
#define UNANNOUNCED_PERIOD (1 * USEC_PER_SEC) /* between looks at a route that is not announced */

struct online_service {
	struct core *core;
	struct online_config config;
	unsigned (*servers)(void *userdata, struct ip_address *ret, unsigned max);
	void *servers_userdata;
	struct verifier verifier;
	struct online_report report;
	usec_t started;	    /* boottime, of the daemon */
	usec_t state_since; /* boottime of the last change of state */
	bool routes_changed;
	struct ping *ping, *gateway_ping;
	struct lookup *lookup;
	char words[_VERIFIER_PROBE_MAX][128]; /* what a failed probe has to say */
	sd_event_source *change;	      /* runs once the present event is done */
	sd_event_source *timer;
	sd_event_source *unannounced; /* runs while the way out is a route that is not mirrored */
};

static const char *const state_names[_ONLINE_STATE_MAX] = {
	[ONLINE_UNKNOWN] = "unknown",
	[ONLINE_NO] = "no",
	[ONLINE_PARTIAL] = "partial",
	[ONLINE_YES] = "yes",
};

static const char *const event_kinds[_ONLINE_STATE_MAX] = {
	[ONLINE_UNKNOWN] = "online.unknown",
	[ONLINE_NO] = "online.no",
	[ONLINE_PARTIAL] = "online.partial",
	[ONLINE_YES] = "online.yes",
};

const char *online_state_text(enum online_state state)
{
	return state_names[state];
}

const struct online_report *online_service_report(const struct online_service *service)
{
	return &service->report;
}

/* ---- what the way out depends on ---- */

static bool route_leads_out(const struct online_service *service, const struct route *route)
{
	return route->table == RT_TABLE_MAIN && route->type == RTN_UNICAST &&
	       ip_prefix_contains(&route->destination, &service->config.ping_target);
}

/* A link without carrier takes its routes with it, whatever the kernel still shows of them. */
static bool route_is_usable(const struct online_service *service, const struct route *route)
{
	const struct link *link = observed_link(core_observed(service->core), route->link);

	return route->link == 0 || (link && link->carrier);
}

static bool route_is_better(const struct route *a, const struct route *b)
{
	if (!b)
		return true;
	if (a->destination.length != b->destination.length)
		return a->destination.length > b->destination.length;
	return a->metric < b->metric;
}

/* Returns whether the mirror will not tell when the route changes. */
static bool find_route(const struct online_service *service, struct verifier_network *ret)
{
	const struct observed *observed = core_observed(service->core);
	const struct route *best = NULL, *route = NULL;
	struct route asked;

	while ((route = observed_next_route(observed, route)))
		if (route_leads_out(service, route) && route_is_usable(service, route) &&
		    route_is_better(route, best))
			best = route;
	if (observed_ask_route(observed, core_netlink(service->core), &service->config.ping_target,
			       &asked) > 0 &&
	    route_leads_out(service, &asked) && route_is_usable(service, &asked) &&
	    route_is_better(&asked, best))
		best = &asked;
	ret->route = best != NULL;
	ret->link = best ? best->link : 0;
	ret->gateway = best ? best->gateway : (struct ip_address){0};
	return best == &asked || (!best && observed_leaves_out_routes(observed));
}

/* ---- the report ---- */

static void describe(const struct online_service *service, char *buffer, size_t size)
{
	const struct verifier *verifier = &service->verifier;
	const char *lookup_words = service->words[VERIFIER_LOOKUP];
	char target[IP_ADDRESS_TEXT_MAX], gateway[IP_ADDRESS_TEXT_MAX] = "";

	ip_address_print(&service->config.ping_target, target);
	if (ip_address_is_set(&verifier->network.gateway))
		ip_address_print(&verifier->network.gateway, gateway);

	switch (verifier->reason) {
	case REASON_NO_ROUTE:
		snprintf(buffer, size, "there is no default route");
		break;
	case REASON_GATEWAY_SILENT:
		snprintf(buffer, size, "the gateway %s does not answer", gateway);
		break;
	case REASON_BEYOND_GATEWAY:
		snprintf(buffer, size, "the gateway %s answers, but %s does not (%.60s)", gateway,
			 target, service->words[VERIFIER_PING]);
		break;
	case REASON_TARGET_SILENT:
		snprintf(buffer, size, "%s does not answer (%.60s)", target,
			 service->words[VERIFIER_PING]);
		break;
	case REASON_ECHO_ONLY_BAD:
		snprintf(buffer, size, "names resolve, but %s does not answer (%.60s)", target,
			 service->words[VERIFIER_PING]);
		break;
	case REASON_NO_SERVERS:
		snprintf(buffer, size, "%s answers, but no name server is known", target);
		break;
	case REASON_LOOKUP_BAD:
		snprintf(buffer, size, "%s answers, but names do not resolve: %.90s", target,
			 lookup_words);
		break;
	case REASON_NONE:
	case _REASON_MAX:
		buffer[0] = '\0';
		break;
	}
}

static json_t *report_data(const struct online_service *service, usec_t now, usec_t lasted)
{
	const struct online_report *report = &service->report;
	_cleanup_json_ json_t *data = json_object();
	int r;

	r = json_put(data, "state", json_string(online_state_text(report->state)));
	r |= json_put(data, "after_ms", json_real((double)(now - service->started) / 1000));
	r |= json_put(data, "lasted_ms", json_real((double)lasted / 1000));
	if (report->ping_ok)
		r |= json_put(data, "ping_ms", json_real((double)report->ping_time / 1000));
	if (report->lookup_ok)
		r |= json_put(data, "lookup_ms", json_real((double)report->lookup_time / 1000));
	if (report->detail[0])
		r |= json_put(data, "detail", json_string(report->detail));
	/* An event without its data is still worth more than none. */
	return r < 0 ? NULL : TAKE_PTR(data);
}

static void publish_online(struct online_service *service, json_t *data, bool first, usec_t lasted)
{
	const struct online_report *report = &service->report;
	char target[IP_ADDRESS_TEXT_MAX], opening[64];

	if (first)
		snprintf(opening, sizeof(opening), "online after %.1f ms",
			 (double)(report->first_online - service->started) / 1000);
	else
		snprintf(opening, sizeof(opening), "online again after %.1f s",
			 (double)lasted / USEC_PER_SEC);
	core_publish(service->core, event_kinds[ONLINE_YES], data,
		     "%s: %s answers in %.2f ms, %.64s resolves in %.2f ms", opening,
		     ip_address_print(&service->config.ping_target, target),
		     (double)report->ping_time / 1000, service->config.lookup_name,
		     (double)report->lookup_time / 1000);
}

static void report_refresh(struct online_service *service)
{
	const struct verifier *verifier = &service->verifier;

	service->report.state = verifier->state;
	service->report.ping_ok = verifier->verdicts[VERIFIER_PING] == VERDICT_GOOD;
	service->report.lookup_ok = verifier->verdicts[VERIFIER_LOOKUP] == VERDICT_GOOD;
	describe(service, service->report.detail, sizeof(service->report.detail));
}

static void report_change(struct online_service *service)
{
	struct online_report *report = &service->report;
	usec_t now = clock_boottime_usec(), lasted = now - service->state_since;
	bool first = report->first_online == 0;
	json_t *data;

	service->state_since = now;
	report->since = clock_realtime_usec();
	if (report->state == ONLINE_YES && first)
		report->first_online = now;
	data = report_data(service, now, lasted);
	if (report->state == ONLINE_YES)
		publish_online(service, data, first, lasted);
	else
		core_publish(service->core, event_kinds[report->state], data, "%s: %s",
			     report->state == ONLINE_NO ? "offline" : "partly online",
			     report->detail);
}

/* ---- probes ---- */

static void service_act(struct online_service *service, unsigned actions);

static void probe_ended(struct online_service *service, enum verifier_probe probe,
			enum verifier_verdict verdict)
{
	service_act(service, verifier_probe_ended(&service->verifier, probe, verdict,
						  clock_boottime_usec()));
}

static void words_of_ping(const struct ping_result *result, char *buffer, size_t size)
{
	char from[IP_ADDRESS_TEXT_MAX];

	for (unsigned i = 0; i < result->probes_count; i++) {
		const struct ping_probe *probe = &result->probes[i];

		if (probe->outcome != PING_UNREACHABLE || !ip_address_is_set(&probe->from))
			continue;
		snprintf(buffer, size, "%s says: %s", ip_address_print(&probe->from, from),
			 ping_icmp_text(probe->from.family, probe->icmp_type, probe->icmp_code));
		return;
	}
	snprintf(buffer, size, "%u echoes were lost", result->statistics.sent);
}

static void on_ping(const struct ping_result *result, void *userdata)
{
	struct online_service *service = userdata;
	bool good = result->statistics.answered > 0;

	service->ping = NULL;
	if (good)
		service->report.ping_time = (usec_t)(result->statistics.minimum * 1000);
	else
		words_of_ping(result, service->words[VERIFIER_PING],
			      sizeof(service->words[VERIFIER_PING]));
	probe_ended(service, VERIFIER_PING, good ? VERDICT_GOOD : VERDICT_BAD);
}

static void on_gateway_ping(const struct ping_result *result, void *userdata)
{
	struct online_service *service = userdata;

	service->gateway_ping = NULL;
	probe_ended(service, VERIFIER_GATEWAY,
		    result->statistics.answered > 0 ? VERDICT_GOOD : VERDICT_BAD);
}

static void on_lookup(int r, const struct lookup_result *result, const struct error *error,
		      void *userdata)
{
	struct online_service *service = userdata;

	service->lookup = NULL;
	if (r < 0)
		snprintf(service->words[VERIFIER_LOOKUP], sizeof(service->words[VERIFIER_LOOKUP]),
			 "%.120s", error->message);
	else
		service->report.lookup_time = result->duration;
	probe_ended(service, VERIFIER_LOOKUP, r < 0 ? VERDICT_BAD : VERDICT_GOOD);
}

static int start_ping(struct online_service *service, struct error *error)
{
	struct ping_request request = ping_request_default(&service->config.ping_target);

	request.interval = 300 * USEC_PER_MSEC;
	request.until_answer = true;
	return ping_start(&service->ping, core_event(service->core), &request, on_ping, service,
			  error);
}

static int start_gateway(struct online_service *service, struct error *error)
{
	const struct verifier_network *network = &service->verifier.network;
	const struct link *link = observed_link(core_observed(service->core), network->link);
	struct ping_request request = ping_request_default(&network->gateway);

	request.count = 2;
	request.interval = 200 * USEC_PER_MSEC;
	request.timeout = 500 * USEC_PER_MSEC;
	request.until_answer = true;
	if (link)
		memcpy(request.interface, link->name, sizeof(request.interface));
	return ping_start(&service->gateway_ping, core_event(service->core), &request,
			  on_gateway_ping, service, error);
}

static int start_lookup(struct online_service *service, struct error *error)
{
	const struct verifier_network *network = &service->verifier.network;
	struct lookup_request request =
		lookup_request_default(service->config.lookup_name, DNS_TYPE_A);

	request.timeout = LOOKUP_TIME_MAX;
	request.servers_count = MIN(network->servers_count, (unsigned)LOOKUP_SERVERS_MAX);
	memcpy(request.servers, network->servers,
	       request.servers_count * sizeof(request.servers[0]));
	return lookup_start(&service->lookup, core_event(service->core), &request, on_lookup,
			    service, error);
}

static void cancel_probe(struct online_service *service, enum verifier_probe probe)
{
	if (probe == VERIFIER_PING && service->ping)
		ping_cancel(TAKE_PTR(service->ping));
	if (probe == VERIFIER_GATEWAY && service->gateway_ping)
		ping_cancel(TAKE_PTR(service->gateway_ping));
	if (probe == VERIFIER_LOOKUP && service->lookup)
		lookup_cancel(TAKE_PTR(service->lookup));
}

/* Starts a probe anew. One that cannot be sent has ended with that: returns what follows. */
static unsigned start_probe(struct online_service *service, enum verifier_probe probe)
{
	static int (*const starters[])(struct online_service *, struct error *) = {
		[VERIFIER_PING] = start_ping,
		[VERIFIER_LOOKUP] = start_lookup,
		[VERIFIER_GATEWAY] = start_gateway,
	};
	struct error error = {0};

	cancel_probe(service, probe);
	if (starters[probe](service, &error) >= 0)
		return 0;
	snprintf(service->words[probe], sizeof(service->words[probe]), "%.120s", error.message);
	return verifier_probe_ended(&service->verifier, probe,
				    error.code == ERROR_HOST_UNREACHABLE ? VERDICT_NO_ROUTE
									 : VERDICT_BAD,
				    clock_boottime_usec());
}

/* ---- the machine and the world ---- */

static void service_act(struct online_service *service, unsigned actions)
{
	int r;

	for (unsigned probe = 0; probe < _VERIFIER_PROBE_MAX; probe++) {
		if (actions & (unsigned)VERIFIER_CANCEL << probe)
			cancel_probe(service, probe);
		if (!(actions & (unsigned)VERIFIER_START << probe))
			continue;
		unsigned more = start_probe(service, probe);

		/* What this one has called off need not be started. */
		actions |= more;
		for (unsigned other = 0; other < _VERIFIER_PROBE_MAX; other++)
			if (more & (unsigned)VERIFIER_CANCEL << other)
				actions &= ~((unsigned)VERIFIER_START << other);
	}

	if (!service->verifier.verifying)
		report_refresh(service);
	if (actions & VERIFIER_REPORT)
		report_change(service);
	r = sd_event_source_set_time(service->timer, service->verifier.deadline);
	if (r >= 0)
		r = sd_event_source_set_enabled(service->timer, SD_EVENT_ONESHOT);
	if (r < 0)
		log_error("verifier: cannot set the timer: %s", strerror(-r));
}

static int on_timer(sd_event_source *source, uint64_t time, void *userdata)
{
	struct online_service *service = userdata;

	service_act(service, verifier_elapsed(&service->verifier, clock_boottime_usec()));
	return 0;
}

/* Whether in a while, or only when the mirror tells of something. */
static void look_again(struct online_service *service, bool unannounced)
{
	int r = sd_event_source_set_time(service->unannounced,
					 usec_add(clock_boottime_usec(), UNANNOUNCED_PERIOD));

	if (r >= 0)
		r = sd_event_source_set_enabled(service->unannounced,
						unannounced ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
	if (r < 0)
		log_error("verifier: cannot set the timer: %s", strerror(-r));
}

static int on_change(sd_event_source *source, void *userdata)
{
	struct online_service *service = userdata;
	struct verifier_network network = service->verifier.network;

	if (service->routes_changed)
		look_again(service, find_route(service, &network));
	service->routes_changed = false;
	network.servers_count =
		service->servers(service->servers_userdata, network.servers, VERIFIER_SERVERS_MAX);
	service_act(service,
		    verifier_network_seen(&service->verifier, &network, clock_boottime_usec()));
	return 0;
}

/* Many changes belong to one event of the loop, and a handler may not publish: looked at after it.
 */
static void look_soon(struct online_service *service, bool routes)
{
	int r;

	service->routes_changed |= routes;
	r = sd_event_source_set_enabled(service->change, SD_EVENT_ONESHOT);
	if (r < 0)
		log_error("verifier: cannot follow a change: %s", strerror(-r));
}

static int on_unannounced(sd_event_source *source, uint64_t time, void *userdata)
{
	look_soon(userdata, true);
	return 0;
}

static void on_observed(enum object_kind kind, enum observed_change change,
			const union object *before, const union object *after, void *userdata)
{
	struct online_service *service = userdata;

	if (kind == OBJECT_ROUTE && ((before && route_leads_out(service, &before->route)) ||
				     (after && route_leads_out(service, &after->route))))
		look_soon(service, true);
	if (kind == OBJECT_LINK && before && after && before->link.carrier != after->link.carrier)
		look_soon(service, true);
}

static void on_synchronised(bool first, void *userdata)
{
	look_soon(userdata, true);
}

/* Resolvers are resources: whatever changes them is told by some event. */
static void on_event(const struct event_record *event, void *userdata)
{
	look_soon(userdata, false);
}

static int service_listen(struct online_service *service)
{
	sd_event *event = core_event(service->core);
	int r;

	r = sd_event_add_defer(event, &service->change, on_change, service);
	if (r >= 0)
		r = sd_event_source_set_enabled(service->change, SD_EVENT_OFF);
	/* Precise to a microsecond: 0 would stand for the loop's default of 250 ms. */
	if (r >= 0)
		r = sd_event_add_time(event, &service->timer, CLOCK_BOOTTIME,
				      service->verifier.deadline, 1, on_timer, service);
	if (r >= 0)
		r = sd_event_add_time(event, &service->unannounced, CLOCK_BOOTTIME, USEC_INFINITY,
				      0, on_unannounced, service);
	if (r >= 0)
		r = observed_add_handler(core_observed(service->core), on_observed, on_synchronised,
					 service);
	if (r < 0)
		return r;
	return core_add_event_handler(service->core, on_event, service);
}

int online_service_new(struct online_service **ret, struct core *core,
		       const struct online_config *config,
		       unsigned (*servers)(void *userdata, struct ip_address *ret, unsigned max),
		       void *userdata)
{
	_cleanup_(online_service_cleanup) struct online_service *service = NULL;
	int r;

	service = calloc(1, sizeof(*service));
	if (!service)
		return -ENOMEM;
	service->core = core;
	service->config = *config;
	service->servers = servers;
	service->servers_userdata = userdata;
	service->state_since = clock_boottime_usec();
	service->started = config->started ?: service->state_since;
	verifier_init(&service->verifier, service->state_since);
	r = service_listen(service);
	if (r < 0)
		return r;
	if (observed_is_synchronised(core_observed(core)))
		look_soon(service, true);
	*ret = TAKE_PTR(service);
	return 0;
}

void online_service_free(struct online_service *service)
{
	for (unsigned probe = 0; probe < _VERIFIER_PROBE_MAX; probe++)
		cancel_probe(service, probe);
	sd_event_source_disable_unref(service->change);
	sd_event_source_disable_unref(service->timer);
	sd_event_source_disable_unref(service->unannounced);
	free(service);
}
