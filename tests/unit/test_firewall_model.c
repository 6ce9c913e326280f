/*
 * The model is held to the kernel: random rulesets are loaded, random packets sent, and what
 * becomes of each is what explain_packet() says of it.
 *
 * RULESETS and SEED in the environment choose how many and which; PRINT shows them.
 */
#include "unit.h"

#include "firewall/encode.h"
#include "firewall/prove.h"
#include "firewall/text.h"
#include "firewall_random.h"
#include "firewall_wire.h"

#define RULESETS     40
#define PACKETS_EACH 60
#define TABLES_MAX   3
#define FLOW_PORT    0x305 /* only established connections have it */

struct tally {
	unsigned passed, refused, unknown, rulesets, not_loaded;
};

/* ---- packets that the wire can carry ---- */

static void set_ends(struct packet *packet, unsigned source, unsigned destination)
{
	unsigned width = packet->family == NFPROTO_IPV6 ? 16 : 4;

	packet->source[0] = packet->destination[0] = 10;
	packet->source[width - 1] = (uint8_t)source;
	packet->destination[width - 1] = (uint8_t)destination;
}

static unsigned remote(struct random_choice *random)
{
	return RANDOM_OF(random, 0, 3, 4, 5, 6, 7);
}

static void choose_path(struct random_choice *random, enum packet_hook hook, struct packet *packet)
{
	unsigned source = hook == HOOK_OUTPUT ? 1 + random_below(random, 2) : remote(random);
	unsigned destination = hook == HOOK_INPUT ? 1 + random_below(random, 2) : remote(random);

	set_ends(packet, source, destination);
	if (hook != HOOK_OUTPUT)
		strcpy(packet->in_link, wire_links[random_below(random, WIRE_LINKS)]);
	if (hook != HOOK_INPUT)
		strcpy(packet->out_link, wire_links[wire_link_of(destination)]);
	packet->source_type = wire_is_local(source) ? 2 : 1; /* RTN_LOCAL, RTN_UNICAST */
	packet->destination_type = wire_is_local(destination) ? 2 : 1;
	packet->reverse_path = hook != HOOK_OUTPUT &&
			       strcmp(packet->in_link, wire_links[wire_link_of(source)]) == 0;
}

/* What connection tracking makes of these. */
static void choose_icmp(struct random_choice *random, struct packet *packet)
{
	bool v6 = packet->family == NFPROTO_IPV6;
	unsigned type = v6 ? RANDOM_OF(random, 128, 128, 129, 133) : RANDOM_OF(random, 8, 8, 0);

	packet->source_port = (uint16_t)(type << 8 | random_below(random, 3));
	packet->original_port = packet->source_port;
	packet->state = type == 8 || type == 128 ? STATE_NEW
			: type == 133		 ? STATE_UNTRACKED
						 : STATE_INVALID;
}

/* The greater port is the source's, so that nothing is taken for an answer to something else. */
static void choose_ports(struct random_choice *random, struct packet *packet)
{
	do {
		uint16_t a = (uint16_t)random_number(random, FIELD_SOURCE_PORT);
		uint16_t b = (uint16_t)random_number(random, FIELD_SOURCE_PORT);

		packet->source_port = MAX(a, b);
		packet->destination_port = MIN(a, b);
	} while (packet->source_port == packet->destination_port ||
		 packet->source_port == FLOW_PORT || packet->destination_port == FLOW_PORT);
}

/* A protocol without ports: its connections are known by their addresses. */
static void choose_other(struct random_choice *random, enum packet_hook hook, struct packet *packet)
{
	if (hook == HOOK_FORWARD &&
	    wire_end(packet, packet->source) <= wire_end(packet, packet->destination)) {
		packet->protocol = IPPROTO_UDP;
		return;
	}
	if (hook == HOOK_OUTPUT)
		packet->protocol = WIRE_SENT;
	packet->transport = !random_once_in(random, 2);
	packet->original_port = 0;
}

static struct packet wire_packet(struct random_choice *random, enum packet_hook hook)
{
	struct packet packet = {.family = (uint8_t)random_number(random, FIELD_FAMILY),
				.transport = true,
				.state = STATE_NEW,
				.user = PACKET_USER_NONE};
	bool v6 = packet.family == NFPROTO_IPV6;

	choose_path(random, hook, &packet);
	packet.protocol = (uint16_t)RANDOM_OF(random, v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP,
					      IPPROTO_TCP, IPPROTO_UDP, WIRE_OTHER);
	packet.hop_limit = (uint8_t)(1 + random_below(random, 3));
	if (hook == HOOK_OUTPUT) {
		packet.user = random_below(random, WIRE_USERS);
		packet.mark = WIRE_MARKED | random_number(random, FIELD_MARK);
	}
	if (packet.protocol == IPPROTO_ICMP || packet.protocol == IPPROTO_ICMPV6) {
		choose_icmp(random, &packet);
		return packet;
	}
	choose_ports(random, &packet);
	packet.original_port = packet.destination_port;
	if (packet.protocol == IPPROTO_TCP && random_once_in(random, 4))
		packet.state = STATE_INVALID;
	if (packet.protocol == WIRE_OTHER)
		choose_other(random, hook, &packet);
	return packet;
}

/* ---- connections that stand before any ruleset does ---- */

static struct packet flow_packet(struct random_choice *random, enum packet_hook hook)
{
	struct packet packet = wire_packet(random, hook);

	packet.protocol = IPPROTO_UDP;
	packet.transport = true;
	packet.state = STATE_ESTABLISHED;
	packet.status = IPS_SEEN_REPLY | IPS_CONFIRMED;
	packet.source_port = FLOW_PORT;
	packet.destination_port = (uint16_t)random_below(random, 6);
	packet.original_port = packet.destination_port;
	return packet;
}

/* The answer to it, in the other direction. */
static struct packet flow_answer(const struct packet *packet, enum packet_hook hook)
{
	struct packet answer = *packet;
	unsigned source = wire_end(packet, packet->destination);
	unsigned destination = wire_end(packet, packet->source);

	set_ends(&answer, source, destination);
	answer.source_port = packet->destination_port;
	answer.destination_port = packet->source_port;
	memset(answer.in_link, 0, sizeof(answer.in_link));
	memset(answer.out_link, 0, sizeof(answer.out_link));
	if (hook == HOOK_FORWARD) {
		strcpy(answer.in_link, wire_links[wire_link_of(source)]);
		answer.reverse_path = true;
	} else {
		answer.user = 0;
		answer.mark = WIRE_MARKED;
		answer.source_type = 2;
		answer.destination_type = 1;
	}
	strcpy(answer.out_link, wire_links[wire_link_of(destination)]);
	return answer;
}

#define FLOWS 24

struct flows {
	struct {
		enum packet_hook hook, answer_hook;
		struct packet packet, answer;
	} flow[FLOWS];
};

static void flows_make(struct flows *flows, struct wire *wire, struct random_choice *random)
{
	for (unsigned i = 0; i < FLOWS; i++) {
		enum packet_hook hook = i % 2 ? HOOK_INPUT : HOOK_FORWARD;
		struct packet packet = flow_packet(random, hook);

		flows->flow[i].hook = hook;
		flows->flow[i].answer_hook = hook == HOOK_INPUT ? HOOK_OUTPUT : hook;
		flows->flow[i].packet = packet;
		flows->flow[i].answer = flow_answer(&packet, hook);
		assert_true(wire_passes(wire, hook, &flows->flow[i].packet));
		assert_true(wire_passes(wire, flows->flow[i].answer_hook, &flows->flow[i].answer));
	}
}

/* ---- comparing ---- */

static void describe(const struct explanation *told, const struct packet *packet, bool passed)
{
	_cleanup_text_buffer_ struct text_buffer text = {0};

	packet_describe(packet, &text);
	print_message("%.*s: %s, but the model says %d: %s %s %zd\n", (int)text.length, text.data,
		      passed ? "passed" : "did not pass", told->fate,
		      told->decides.chain ? told->decides.chain->table->name : "-",
		      told->decides.chain ? told->decides.chain->name : "-",
		      told->decides.rule ? told->decides.rule - told->decides.chain->rules : -1);
}

static void compare(struct wire *wire, const struct netfilter_state *state, enum packet_hook hook,
		    struct packet *packet, struct tally *tally)
{
	struct explanation told;
	bool passed = wire_passes(wire, hook, packet);

	explain_packet(state, hook, packet, &told);
	if (told.fate == FATE_UNKNOWN) {
		tally->unknown++;
		return;
	}
	tally->passed += passed;
	tally->refused += !passed;
	if ((told.fate == FATE_ACCEPTED) != passed) {
		describe(&told, packet, passed);
		fail();
	}
}

static void compare_all(struct wire *wire, const struct netfilter_state *state, struct flows *flows,
			struct random_choice *random, struct tally *tally)
{
	for (unsigned i = 0; i < PACKETS_EACH; i++) {
		enum packet_hook hook = HOOK_INPUT + random_below(random, 3);
		struct packet packet = wire_packet(random, hook);

		compare(wire, state, hook, &packet, tally);
	}
	for (unsigned i = 0; i < FLOWS; i++) {
		compare(wire, state, flows->flow[i].hook, &flows->flow[i].packet, tally);
		compare(wire, state, flows->flow[i].answer_hook, &flows->flow[i].answer, tally);
	}
}

static void print_ruleset(const struct ruleset *ruleset)
{
	_cleanup_text_buffer_ struct text_buffer text = {0};

	ruleset_text(ruleset, &text);
	print_message("%.*s\n", (int)text.length, text.data);
}

static bool load(struct netfilter *netfilter, const struct ruleset *rulesets, unsigned count)
{
	_cleanup_batch_ struct netfilter_batch batch = {0};
	struct netfilter_refusal refusal;

	for (unsigned i = 0; i < TABLES_MAX; i++) {
		char name[RULESET_NAME_MAX];

		snprintf(name, sizeof(name), "table%u", i);
		assert_int_equal(ruleset_encode_removal(name, &batch), 0);
		if (i < count && ruleset_encode(&rulesets[i], &batch) < 0)
			return false;
	}
	if (netfilter_commit(netfilter, &batch, 0, &refusal) < 0) {
		if (getenv("PRINT"))
			print_message("not loaded: %s\n", refusal.words);
		return false;
	}
	return true;
}

static void one_ruleset(struct wire *wire, struct netfilter *netfilter, struct flows *flows,
			struct random_choice *random, struct tally *tally)
{
	_cleanup_state_ struct netfilter_state state = {0};
	struct ruleset rulesets[TABLES_MAX] = {0};
	unsigned count = 1 + random_below(random, TABLES_MAX);

	for (unsigned i = 0; i < count; i++) {
		random_ruleset(random, &rulesets[i], i);
		assert_int_equal(netfilter_state_put(&state, &rulesets[i]), 0);
		if (getenv("PRINT"))
			print_ruleset(&rulesets[i]);
	}
	tally->rulesets++;
	if (load(netfilter, rulesets, count))
		compare_all(wire, &state, flows, random, tally);
	else
		tally->not_loaded++;
	for (unsigned i = 0; i < count; i++)
		ruleset_clear(&rulesets[i]);
}

static unsigned long given(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);

	return text ? strtoul(text, NULL, 10) : otherwise;
}

static void test_model_is_the_kernel(void **unused)
{
	unsigned long seed = given("SEED", 1), count = given("RULESETS", RULESETS);
	struct random_choice random = {.state = seed, .certain = true, .loaded = true};
	_cleanup_(netfilter_cleanup) struct netfilter *netfilter = NULL;
	static struct flows flows;
	struct tally tally = {0};
	struct wire wire;

	wire_new(&wire);
	assert_int_equal(netfilter_new(&netfilter), 0);
	flows_make(&flows, &wire, &random);
	for (unsigned long n = 0; n < count; n++) {
		random.state = (seed + n + 1) * 0x9e3779b97f4a7c15;
		if (getenv("PRINT"))
			print_message("seed %lu\n", seed + n);
		one_ruleset(&wire, netfilter, &flows, &random, &tally);
	}
	print_message("%u passed, %u refused, %u unknown; of %u rulesets %u not loaded\n",
		      tally.passed, tally.refused, tally.unknown, tally.rulesets, tally.not_loaded);
	assert_true(tally.not_loaded <= tally.rulesets / 4);
	assert_true(tally.unknown <= (tally.passed + tally.refused) / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_model_is_the_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
