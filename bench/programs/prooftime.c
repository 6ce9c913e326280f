/*
 * How long a proof takes: 20 guard rails over the ruleset that ships with many elements in it, from
 * nothing and after a change of one element, and what an element takes of memory.
 *
 *     prooftime ELEMENTS     prints {"scratch": ms, "change": ms, "again": ms, "bytes": ..}
 *
 * "change" proves what the element can touch, "again" all the guard rails.
 */
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "firewall/field.h"
#include "firewall/policy.h"
#include "firewall/prove.h"

#define QUESTIONS 20
#define ROUNDS	  21

struct question {
	enum packet_hook hook;
	bool never;
	struct packet_region region;
};

/* ---- the guard rails ---- */

static void require(int r, const char *what)
{
	if (r < 0) {
		errno = -r;
		fail(what);
	}
}

static void narrow(struct question *question, enum packet_field field, uint32_t low, uint32_t high)
{
	struct match match = {.kind = MATCH_RANGE, .field_count = 1, .fields = {(uint8_t)field}};

	match.range.low = packet_value_number(field, low);
	match.range.high = packet_value_number(field, high);
	require(packet_region_match(&question->region, &match), "region");
}

static void narrow_network(struct question *question, enum packet_field field, const char *text)
{
	struct match match = {.kind = MATCH_RANGE, .field_count = 1, .fields = {(uint8_t)field}};
	struct ip_prefix prefix;

	require(ip_prefix_parse(text, &prefix, "network", NULL), "network");
	packet_value_prefix(&prefix, &match.range.low, &match.range.high);
	require(packet_region_match(&question->region, &match), "region");
}

/* "The management network reaches this port": new connections from where they belong. */
static void management(struct question *question, bool v6, uint32_t port)
{
	*question = (struct question){.hook = HOOK_INPUT};
	packet_region_of_hook(HOOK_INPUT, &question->region);
	narrow_network(question, v6 ? FIELD_SOURCE6 : FIELD_SOURCE4,
		       v6 ? "fd00::/8" : "192.0.2.0/24");
	narrow(question, FIELD_PROTOCOL, IPPROTO_TCP, IPPROTO_TCP);
	narrow(question, FIELD_DESTINATION_PORT, port, port);
	narrow(question, FIELD_STATE, STATE_NEW, STATE_NEW);
	narrow(question, FIELD_SOURCE_TYPE, 1, 1);
}

/* "This port is never open to any", new connections. */
static void closed(struct question *question, uint32_t port)
{
	struct match loopback = {.kind = MATCH_RANGE,
				 .negated = true,
				 .field_count = 1,
				 .fields = {FIELD_IN_LINK}};

	*question = (struct question){.hook = HOOK_INPUT, .never = true};
	loopback.range.low = loopback.range.high = packet_value_text("lo");
	packet_region_of_hook(HOOK_INPUT, &question->region);
	require(packet_region_match(&question->region, &loopback), "region");
	narrow(question, FIELD_PROTOCOL, IPPROTO_TCP, IPPROTO_TCP);
	narrow(question, FIELD_DESTINATION_PORT, port, port);
	narrow(question, FIELD_STATE, STATE_NEW, STATE_NEW);
}

/* "This host reaches its resolver and its servers." */
static void reaches(struct question *question, const char *address, uint32_t port)
{
	*question = (struct question){.hook = HOOK_OUTPUT};
	packet_region_of_hook(HOOK_OUTPUT, &question->region);
	narrow_network(question, FIELD_DESTINATION4, address);
	narrow(question, FIELD_PROTOCOL, IPPROTO_TCP, IPPROTO_TCP);
	narrow(question, FIELD_DESTINATION_PORT, port, port);
	narrow(question, FIELD_STATE, STATE_NEW, STATE_NEW);
}

static void questions_make(struct question *questions)
{
	static const char *const servers[] = {"198.51.100.1", "198.51.100.2", "203.0.113.9"};
	unsigned n = 0;

	for (unsigned v6 = 0; v6 < 2; v6++) {
		management(&questions[n++], v6, 22);
		management(&questions[n++], v6, 9090);
	}
	for (unsigned i = 0; i < 3; i++) {
		reaches(&questions[n++], servers[i], 443);
		reaches(&questions[n++], servers[i], 853);
	}
	for (uint32_t port = 23; n < QUESTIONS; port += 2)
		closed(&questions[n++], port);
}

/* ---- the elements: allowed ports, hosts, networks, as many of each as there is room ---- */

static struct filter_element host_element(unsigned i)
{
	struct filter_element element = {.id = i + 1};

	element.low[0] =
		(struct packet_value){{10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}};
	element.low[1] = packet_value_number(FIELD_PROTOCOL, IPPROTO_TCP);
	element.low[2] = packet_value_number(FIELD_DESTINATION_PORT, 1024 + i % 50000);
	memcpy(element.high, element.low, sizeof(element.high));
	return element;
}

static struct filter_element port_element(unsigned i)
{
	struct filter_element element = {.id = i + 1};

	element.low[0] = packet_value_number(FIELD_PROTOCOL, i % 2 ? IPPROTO_UDP : IPPROTO_TCP);
	element.low[1] = packet_value_number(FIELD_DESTINATION_PORT, 1024 + i % 60000);
	memcpy(element.high, element.low, sizeof(element.high));
	return element;
}

static void ruleset_fill(struct ruleset *ruleset, unsigned count)
{
	const struct firewall_policy policy = {
		.mode = FIREWALL_ENFORCE,
		.management_count = 2,
		.management = {{{.family = AF_INET, .bytes = {192, 0, 2}}, 24},
			       {{.family = AF_INET6, .bytes = {0xfd}}, 8}},
	};
	static const struct {
		const char *set;
		struct filter_element (*make)(unsigned);
	} kinds[] = {
		{"input_allow_host4", host_element},
		{"input_allow_port", port_element},
		{"input_deny_host4", host_element},
		{"output_allow_host4", host_element},
	};

	require(policy_ruleset(&policy, 0, ruleset), "policy");
	for (unsigned i = 0; i < count; i++) {
		unsigned kind = i % (sizeof(kinds) / sizeof(kinds[0]));
		struct filter_set *set = ruleset_set(ruleset, kinds[kind].set);
		struct filter_element *element = set ? filter_set_add_element(set) : NULL;

		if (!element)
			fail("element");
		*element = kinds[kind].make(i / 4);
	}
}

/* ---- measuring ---- */

static void prove_one(const struct netfilter_state *state, const struct question *question)
{
	struct proof proof;

	require(question->never ? prove_never(state, question->hook, &question->region, &proof)
				: prove_always(state, question->hook, &question->region, &proof),
		"proof");
	if (proof.answer != PROOF_HOLDS) {
		fprintf(stderr, "answer %u: %s\n", (unsigned)proof.answer,
			proof_doubt_text(proof.doubt));
		exit(1);
	}
}

static void prove_all(const struct netfilter_state *state, const struct question *questions)
{
	for (unsigned i = 0; i < QUESTIONS; i++)
		prove_one(state, &questions[i]);
}

static double scratch(const struct ruleset *ruleset, const struct question *questions,
		      struct netfilter_state *state)
{
	double begin = now_ms();

	netfilter_state_clear(state);
	require(netfilter_state_put(state, ruleset), "state");
	prove_all(state, questions);
	return now_ms() - begin;
}

/* One more host is allowed to the port that two guard rails are about. */
static double change(struct netfilter_state *state, const struct question *questions, unsigned n)
{
	struct filter_element element = host_element(1u << 20 | n);
	struct packet_set *set = netfilter_state_set(state, FIREWALL_TABLE, "input_allow_host4");
	double begin = now_ms();

	element.low[0] = (struct packet_value){{192, 0, 2, (uint8_t)n}};
	element.high[0] = element.low[0];
	element.low[2] = element.high[2] = packet_value_number(FIELD_DESTINATION_PORT, 22);
	require(packet_set_add(set, &element), "add");
	for (unsigned i = 0; i < QUESTIONS; i++)
		if (proof_concerns(state, set, &element, questions[i].hook, &questions[i].region))
			prove_one(state, &questions[i]);
	return now_ms() - begin;
}

static double again(const struct netfilter_state *state, const struct question *questions)
{
	double begin = now_ms();

	prove_all(state, questions);
	return now_ms() - begin;
}

static int by_value(const void *a, const void *b)
{
	return (*(const double *)a > *(const double *)b) -
	       (*(const double *)a < *(const double *)b);
}

static double middle(double *values)
{
	qsort(values, ROUNDS, sizeof(values[0]), by_value);
	return values[ROUNDS / 2];
}

int main(int argc, char **argv)
{
	static struct question questions[QUESTIONS];
	_cleanup_ruleset_ struct ruleset ruleset = {0};
	_cleanup_state_ struct netfilter_state state = {0};
	unsigned count = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 10000;
	double from_nothing[ROUNDS], after_change[ROUNDS], once_more[ROUNDS];
	size_t before;

	ruleset_fill(&ruleset, count);
	questions_make(questions);
	before = mallinfo2().uordblks + mallinfo2().hblkhd;
	require(netfilter_state_put(&state, &ruleset), "state");
	printf("{\"bytes\": %.1f",
	       (double)(mallinfo2().uordblks + mallinfo2().hblkhd - before) / count);

	for (unsigned i = 0; i < ROUNDS; i++)
		from_nothing[i] = scratch(&ruleset, questions, &state);
	for (unsigned i = 0; i < ROUNDS; i++)
		after_change[i] = change(&state, questions, i);
	for (unsigned i = 0; i < ROUNDS; i++)
		once_more[i] = again(&state, questions);
	printf(", \"scratch\": %.3f, \"change\": %.3f, \"again\": %.3f}\n", middle(from_nothing),
	       middle(after_change), middle(once_more));
	for (unsigned i = 0; i < QUESTIONS; i++)
		packet_region_clear(&questions[i].region);
	return 0;
}
