/* Frames as they are on the wire, and what net.suggest takes out of them. */
#include "suggest_heard.h"

#include <stdlib.h>

#define FRAME_MAX    512
#define DHCP_OPTIONS 278 /* where they begin in a frame, with the cookie */

static const char router_advertisement[] =
	"33330000000102000000000186dd6000000000383afffe800000000000000000"
	"000000000001ff02000000000000000000000000000186000000400007080000"
	"0000000000000101020000000001030440c00001518000003840000000002001"
	"0db8000100020000000000000000";

static const char lldp[] = "0180c200000e02000000000188cc020704020000000001040405676531060200"
			   "780e0400140010100c0501c00002010200000001000000";

static const char cdp[] = "01000ccccccc020000000001002daaaa0300000c200002b4000000010008636f"
			  "726500020011000000010101cc0004c00002fe0004000800000029";

static const char netbios_registration[] =
	"ffffffffffff020000000001080045000060000000004011f56fc000021ec000"
	"02ff00890089004ce1000077291000010000000000012046414643454a454f46"
	"45454646434341434143414341434143414341434141410000200001c00c0020"
	"0001000493e000060000c000021e";

static const char netbios_datagram[] =
	"ffffffffffff02000000000108004500006e000000004011f560c000021fc000"
	"02ff008a008a005ad89a11020033c000021f008a000000002046414643454a45"
	"4f46454546464343414341434143414341434143414341414100204648455046"
	"43454c45484643455046464641434143414341434143414341414100";

static const char mdns[] = "01005e0000fb020000000001080045000081000000004011d752c000021ee000"
			   "00fb14e914e9006db880000084000000000100000002045f697070045f746370"
			   "056c6f63616c00000c000100001194000a077072696e746572c00c077072696e"
			   "746572c016001c8001000000780010fe800000000000000000000000000030c0"
			   "3b00018001000000780004c000021e";

static const char dhcp_request_head[] =
	"ffffffffffff02000000000108004500014800000000401179a600000000ffff"
	"ffff00440043013498f701010600000012340000000000000000000000000000"
	"000000000000020000000001";

static const char dhcp_request_options[] = "638253633501033204c000024d3604c0000202ff";

static const char dhcp_ack_head[] =
	"ffffffffffff020000000001080045000148000000004011b7a3c0000202ffff"
	"ffff0043004401349e9702010600000012340000000000000000c000024d0000"
	"000000000000020000000077";

static const char dhcp_ack_options[] =
	"638253633501053604c00002020104ffffff800304c00002010604c0000235ff";

struct frame {
	uint8_t bytes[FRAME_MAX];
	size_t size;
};

static void append(struct frame *frame, const char *hex)
{
	unsigned byte;

	for (; *hex; hex += 2) {
		assert_int_equal(sscanf(hex, "%2x", &byte), 1);
		assert_true(frame->size < FRAME_MAX);
		frame->bytes[frame->size++] = (uint8_t)byte;
	}
}

static struct frame dhcp_frame(const char *head, const char *options)
{
	struct frame frame = {.size = 0};

	append(&frame, head);
	frame.size = DHCP_OPTIONS;
	append(&frame, options);
	return frame;
}

/* Parses it, and all that it may be cut to in a buffer of just that size: nothing reads behind. */
static struct observation parse(const struct frame *frame)
{
	struct observation observation;

	for (size_t i = 0; i < frame->size; i++) {
		uint8_t *cut = malloc(i + 1);

		assert_non_null(cut);
		memcpy(cut, frame->bytes, i);
		(void)observation_parse(cut, i, 5, &observation);
		free(cut);
	}
	assert_int_equal(observation_parse(frame->bytes, frame->size, 5, &observation), 0);
	assert_int_equal(observation.time, 5);
	assert_int_equal(observation.mac.bytes[5], 1);
	return observation;
}

static struct observation parse_hex(const char *hex)
{
	struct frame frame = {.size = 0};

	append(&frame, hex);
	return parse(&frame);
}

static void test_router_advertisement(void **state)
{
	static const uint8_t prefix[16] = {0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 2};
	struct observation observation = parse_hex(router_advertisement), heard_it[2];
	struct suggestion suggestion;

	assert_int_equal(observation.kind, OBSERVATION_ROUTER_ADVERTISEMENT);
	assert_int_equal(observation.prefix6_length, 64);
	assert_memory_equal(&observation.prefix6, prefix, sizeof(prefix));
	heard_it[0] = ASK("192.0.2.20", "192.0.2.1");
	heard_it[1] = observation;
	infer_suggestion(heard_it, 2, &own, &suggestion);
	assert_true(says(&suggestion, "a router advertises 2001:db8:1:2::/64"));
}

static void test_lldp(void **state)
{
	struct observation observation = parse_hex(lldp);
	struct in_addr probes[INFER_PROBES_MAX];

	assert_int_equal(observation.kind, OBSERVATION_LLDP);
	assert_true(observation.router);
	assert_address(observation.named, "192.0.2.1");
	/* It is worth a question, even where nothing else was heard. */
	assert_true(infer_probes(&observation, 1, &own, probes) > 1);
	assert_address(probes[0], "192.0.2.1");
}

static void test_cdp(void **state)
{
	struct observation observation = parse_hex(cdp);

	assert_int_equal(observation.kind, OBSERVATION_CDP);
	assert_true(observation.router);
	assert_address(observation.named, "192.0.2.254");
}

static void test_netbios(void **state)
{
	struct observation observation = parse_hex(netbios_registration);

	assert_int_equal(observation.kind, OBSERVATION_IPV4_BROADCAST);
	assert_address(observation.target, "192.0.2.255");
	assert_address(observation.named, "192.0.2.30");
	observation = parse_hex(netbios_datagram);
	assert_int_equal(observation.kind, OBSERVATION_IPV4_BROADCAST);
	assert_address(observation.named, "192.0.2.31");
}

static void test_mdns(void **state)
{
	struct observation observation = parse_hex(mdns);

	assert_int_equal(observation.kind, OBSERVATION_IPV4_MULTICAST);
	assert_address(observation.sender, "192.0.2.30");
	assert_address(observation.named, "192.0.2.30");
}

static void test_dhcp_request(void **state)
{
	struct frame frame = dhcp_frame(dhcp_request_head, dhcp_request_options);
	struct observation observation = parse(&frame);

	assert_int_equal(observation.kind, OBSERVATION_DHCP_CLIENT);
	assert_address(observation.named, "192.0.2.77");
	assert_address(observation.server, "192.0.2.2");
}

static void test_dhcp_acknowledgement(void **state)
{
	struct frame frame = dhcp_frame(dhcp_ack_head, dhcp_ack_options);
	struct observation observation = parse(&frame), heard_it[3];
	struct suggestion suggestion;

	assert_int_equal(observation.kind, OBSERVATION_DHCP_SERVER);
	assert_address(observation.named, "192.0.2.77");
	assert_address(observation.server, "192.0.2.2");
	assert_address(observation.gateway, "192.0.2.1");
	assert_address(observation.dns, "192.0.2.53");
	assert_int_equal(observation.prefix, 25);
	heard_it[0] = ASK("192.0.2.20", "192.0.2.1");
	heard_it[1] = heard(OBSERVATION_ARP_REPLY, "192.0.2.1", "0.0.0.0");
	heard_it[2] = observation;
	infer_suggestion(heard_it, 3, &own, &suggestion);
	assert_int_equal(suggestion.best.prefix, 25);
	assert_address(suggestion.best.gateway, "192.0.2.1");
	assert_address(suggestion.dns, "192.0.2.53");
	assert_true(suggestion.dhcp_server);
}

/* A mask that no subnet can have is none. */
static void test_absurd_masks(void **state)
{
	struct frame frame = dhcp_frame(dhcp_ack_head, dhcp_ack_options);
	struct observation observation;
	uint8_t *mask = memmem(frame.bytes, frame.size, "\xff\xff\xff\x80", 4);

	assert_non_null(mask);
	mask[3] = 0xff;
	observation = parse(&frame);
	assert_int_equal(observation.prefix, 0);
	memset(mask, 0, 4);
	observation = parse(&frame);
	assert_int_equal(observation.prefix, 0);
}

/* What was told to others is not free, whoever it is. */
static void test_named_addresses_are_taken(void **state)
{
	const struct observation asks = ASK("192.0.2.20", "192.0.2.1");
	struct observation observations[2] = {asks, {.mac = mac_of("192.0.2.30")}};
	struct suggestion before, after;

	infer_suggestion(observations, 1, &own, &before);
	for (enum observation_kind kind = 0; kind < OBSERVATION_OWN_PROBE; kind++) {
		observations[1].kind = kind;
		observations[1].named = before.best.address;
		infer_suggestion(observations, 2, &own, &after);
		assert_int_not_equal(after.best.address.s_addr, before.best.address.s_addr);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_router_advertisement),
		cmocka_unit_test(test_lldp),
		cmocka_unit_test(test_cdp),
		cmocka_unit_test(test_netbios),
		cmocka_unit_test(test_mdns),
		cmocka_unit_test(test_dhcp_request),
		cmocka_unit_test(test_dhcp_acknowledgement),
		cmocka_unit_test(test_absurd_masks),
		cmocka_unit_test(test_named_addresses_are_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
