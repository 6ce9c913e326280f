/* The socket's filter: the program says of each message what filter_passes() says. */
#include <arpa/inet.h>
#include <linux/neighbour.h>

#include "netlink/filter.h"
#include "unit.h"

union message {
	struct nlmsghdr header;
	struct {
		struct nlmsghdr header;
		struct rtmsg body;
	} route;
	struct {
		struct nlmsghdr header;
		struct ndmsg body;
		struct nlattr attribute;
		uint32_t address[4];
	} neighbour;
};

/* ---- the kernel's interpreter, as far as the program needs it (networking/filter.rst) ---- */

static bool load(const struct sock_filter *at, const uint8_t *data, size_t length, uint32_t *ret)
{
	size_t size = BPF_SIZE(at->code) == BPF_W ? 4 : BPF_SIZE(at->code) == BPF_H ? 2 : 1;

	if (at->k + size > length)
		return false;
	*ret = 0;
	for (size_t i = 0; i < size; i++)
		*ret = *ret << 8 | data[at->k + i];
	return true;
}

static bool run(const struct sock_filter *program, unsigned count, const void *data, size_t length)
{
	uint32_t accumulator = 0;

	for (unsigned at = 0; at < count; at++) {
		const struct sock_filter *instruction = &program[at];
		bool yes;

		switch (BPF_CLASS(instruction->code)) {
		case BPF_LD:
			assert_int_equal(BPF_MODE(instruction->code), BPF_ABS);
			if (!load(instruction, data, length, &accumulator))
				return false;
			break;
		case BPF_JMP:
			if (BPF_OP(instruction->code) == BPF_JA) {
				at += instruction->k;
				break;
			}
			yes = BPF_OP(instruction->code) == BPF_JEQ ? accumulator == instruction->k
								   : accumulator & instruction->k;
			at += yes ? instruction->jt : instruction->jf;
			break;
		default:
			assert_int_equal(instruction->code, BPF_RET | BPF_K);
			return instruction->k;
		}
	}
	fail_msg("the program ends without a verdict");
	return false;
}

/* What both say, where they agree. */
static bool verdict(const struct filter *filter, const union message *message)
{
	static struct sock_filter program[FILTER_PROGRAM_MOST];
	unsigned count = filter_program(filter, program);
	bool passes = filter_passes(filter, &message->header);

	assert_in_range(count, 1, FILTER_PROGRAM_MOST);
	assert_int_equal(run(program, count, message, message->header.nlmsg_len), passes);
	return passes;
}

static struct filter filter_of(bool leaves_out)
{
	struct filter filter;

	filter_init(&filter);
	filter.leaves_out = leaves_out;
	return filter;
}

/* ---- messages ---- */

static union message route_of(uint8_t protocol, uint8_t length, uint16_t flags)
{
	return (union message){
		.route =
			{
				.header = {.nlmsg_len = sizeof(((union message *)0)->route),
					   .nlmsg_type = RTM_NEWROUTE,
					   .nlmsg_flags = flags},
				.body = {.rtm_family = AF_INET,
					 .rtm_dst_len = length,
					 .rtm_table = RT_TABLE_MAIN,
					 .rtm_protocol = protocol},
			},
	};
}

static void test_routes(void **state)
{
	const struct filter filter = filter_of(true);

	for (unsigned protocol = 0; protocol <= UINT8_MAX; protocol++) {
		const struct route route = {.protocol = (uint8_t)protocol,
					    .destination.length = 24};
		union message message = route_of((uint8_t)protocol, 24, NLM_F_CREATE);

		assert_int_equal(verdict(&filter, &message), filter_keeps_route(&filter, &route));
		message.header.nlmsg_type = RTM_DELROUTE;
		assert_int_equal(verdict(&filter, &message), filter_keeps_route(&filter, &route));
		message = route_of((uint8_t)protocol, 0, 0);
		assert_true(verdict(&filter, &message));
		message = route_of((uint8_t)protocol, 24, NLM_F_REPLACE);
		assert_true(verdict(&filter, &message));
		message = route_of((uint8_t)protocol, 24, NLM_F_APPEND | NLM_F_CREATE);
		assert_true(verdict(&filter, &message));
	}
}

/* Until there is one that is left out, which has to be seen. */
static void test_all_routes_pass_at_first(void **state)
{
	static struct sock_filter program[FILTER_PROGRAM_MOST];
	const struct filter filter = filter_of(false);
	unsigned count = filter_program(&filter, program);
	union message message = route_of(RTPROT_BIRD, 24, 0);

	assert_true(run(program, count, &message, message.header.nlmsg_len));
	assert_true(filter_leaves_out(&filter, &message.header));
	assert_false(filter_passes(&filter, &message.header));
	message.route.body.rtm_table = RT_TABLE_LOCAL;
	assert_false(run(program, count, &message, message.header.nlmsg_len));
	assert_false(filter_leaves_out(&filter, &message.header));
	message = route_of(RTPROT_BIRD, 0, 0);
	assert_false(filter_leaves_out(&filter, &message.header));
	message = route_of(RTPROT_STATIC, 24, 0);
	assert_false(filter_leaves_out(&filter, &message.header));
}

static void test_routes_of_nobody(void **state)
{
	const struct filter filter = filter_of(true);
	union message message = route_of(RTPROT_KERNEL, 32, 0);

	assert_true(filter.kept[AIOSNET_PROTOCOL] && filter.kept[RTPROT_KERNEL]);
	assert_false(filter.kept[RTPROT_BGP] || filter.kept[RTPROT_BIRD]);
	message.route.body.rtm_table = RT_TABLE_LOCAL;
	assert_false(verdict(&filter, &message));
	message = route_of(RTPROT_STATIC, 32, 0);
	message.route.body.rtm_flags = RTM_F_CLONED;
	assert_false(verdict(&filter, &message));
	message = route_of(RTPROT_STATIC, 32, 0);
	message.header.nlmsg_len = sizeof(struct nlmsghdr) + 4;
	assert_false(verdict(&filter, &message));
}

static union message neighbour_of(const struct ip_address *address)
{
	union message message = {
		.neighbour =
			{
				.header = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ndmsg)) +
							NLA_HDRLEN +
							ip_family_bytes(address->family),
					   .nlmsg_type = RTM_NEWNEIGH},
				.body = {.ndm_family = address->family},
				.attribute = {.nla_type = NDA_DST},
			},
	};

	message.neighbour.attribute.nla_len =
		(uint16_t)(NLA_HDRLEN + ip_family_bytes(address->family));
	memcpy(message.neighbour.address, address->bytes, ip_family_bytes(address->family));
	return message;
}

static struct ip_address address(const char *text)
{
	struct ip_address address;

	assert_int_equal(ip_address_parse(text, &address, NULL, NULL), 0);
	return address;
}

static void test_neighbours(void **state)
{
	const struct ip_address followed[] = {address("192.0.2.1"), address("2001:db8::1"),
					      address("198.51.100.7")};
	const struct ip_address others[] = {address("192.0.2.2"), address("2001:db8::2"),
					    address("1.2.0.192")};
	struct filter filter = filter_of(false);
	union message message;

	for (unsigned i = 0; i < ARRAY_SIZE(followed); i++) {
		message = neighbour_of(&followed[i]);
		assert_false(verdict(&filter, &message));
	}
	assert_int_equal(filter_follow(&filter, followed, ARRAY_SIZE(followed)), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(followed); i++) {
		message = neighbour_of(&followed[i]);
		assert_true(verdict(&filter, &message));
		message.header.nlmsg_type = RTM_DELNEIGH;
		assert_true(verdict(&filter, &message));
		message.neighbour.body.ndm_family = AF_BRIDGE;
		assert_false(verdict(&filter, &message));
		message = neighbour_of(&others[i]);
		assert_false(verdict(&filter, &message));
	}
	message = neighbour_of(&followed[0]);
	message.header.nlmsg_len -= 2;
	assert_false(verdict(&filter, &message));
	filter_clear(&filter);
}

static void test_more_than_can_be_followed(void **state)
{
	static struct ip_address followed[FILTER_FOLLOWED_MOST + 1];
	const struct ip_address other = address("198.51.100.7");
	union message message = neighbour_of(&other), last;
	struct filter filter = filter_of(false);

	for (uint32_t i = 0; i < ARRAY_SIZE(followed); i++)
		followed[i] = ip_address_v4(htonl(0x0a000000u + i));
	assert_int_equal(filter_follow(&filter, followed, FILTER_FOLLOWED_MOST), 0);
	last = neighbour_of(&followed[FILTER_FOLLOWED_MOST - 1]);
	assert_true(verdict(&filter, &last));
	assert_false(verdict(&filter, &message));
	assert_int_equal(filter_follow(&filter, followed, FILTER_FOLLOWED_MOST + 1), 0);
	assert_true(verdict(&filter, &message));
	filter_clear(&filter);
}

/* A dump's datagram is judged message by message, and other kinds are not judged. */
static void test_what_is_not_judged(void **state)
{
	static struct sock_filter program[FILTER_PROGRAM_MOST];
	static const uint16_t types[] = {RTM_NEWLINK, RTM_DELLINK, RTM_NEWADDR, RTM_NEWRULE,
					 RTM_DELRULE, NLMSG_DONE,  NLMSG_ERROR, RTM_DELNEXTHOP};
	const struct filter filter = filter_of(false);
	unsigned count = filter_program(&filter, program);
	union message message = route_of(RTPROT_BIRD, 24, NLM_F_MULTI);

	assert_true(run(program, count, &message, message.header.nlmsg_len));
	assert_false(filter_passes(&filter, &message.header));
	for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
		message = (union message){
			.header = {.nlmsg_len = sizeof(message.header), .nlmsg_type = types[i]}};
		assert_true(verdict(&filter, &message));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_routes),
		cmocka_unit_test(test_all_routes_pass_at_first),
		cmocka_unit_test(test_routes_of_nobody),
		cmocka_unit_test(test_neighbours),
		cmocka_unit_test(test_more_than_can_be_followed),
		cmocka_unit_test(test_what_is_not_judged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
