#include "dhcp_ack.h"

static struct dhcp_lease lease_with(uint8_t option, const void *value, size_t length)
{
	struct dhcp_lease lease;
	struct ack ack;

	begin(&ack);
	dhcp_message_put(&ack.writer, option, value, length);
	assert_int_equal(read_lease(&ack, &lease), 0);
	return lease;
}

static void test_plain_lease(void **state)
{
	struct dhcp_lease lease;
	struct ack ack;

	begin(&ack);
	put_address(&ack, DHCP_OPTION_ROUTER, "192.0.2.1");
	put_address(&ack, DHCP_OPTION_DNS, "192.0.2.2");
	put_address(&ack, DHCP_OPTION_NTP, "192.0.2.3");
	put_address(&ack, DHCP_OPTION_BROADCAST, "192.0.2.255");
	dhcp_message_put(&ack.writer, DHCP_OPTION_DOMAIN, "example.org", 11);
	dhcp_message_put(&ack.writer, DHCP_OPTION_HOSTNAME, "box", 4); /* with its NUL */
	dhcp_message_put(&ack.writer, DHCP_OPTION_MTU, "\x05\x78", 2);
	assert_int_equal(read_lease(&ack, &lease), 0);
	assert_int_equal(lease.address.s_addr, ip("192.0.2.50").s_addr);
	assert_int_equal(lease.server.s_addr, ip("192.0.2.1").s_addr);
	assert_int_equal(lease.broadcast.s_addr, ip("192.0.2.255").s_addr);
	assert_int_equal(lease.prefix_length, 24);
	assert_int_equal(lease.gateways_count, 1);
	assert_int_equal(lease.dns[0].s_addr, ip("192.0.2.2").s_addr);
	assert_int_equal(lease.ntp[0].s_addr, ip("192.0.2.3").s_addr);
	assert_string_equal(lease.domain, "example.org");
	assert_string_equal(lease.hostname, "box");
	assert_int_equal(lease.mtu, 1400);
}

static void test_what_must_be_there(void **state)
{
	struct dhcp_lease lease;
	struct ack ack;

	bare(&ack, "192.0.2.50");
	put_address(&ack, DHCP_OPTION_SUBNET_MASK, "255.255.255.0");
	put_u32(&ack, DHCP_OPTION_LEASE_TIME, 3600);
	assert_int_equal(read_lease(&ack, &lease), -EBADMSG); /* server */

	bare(&ack, "192.0.2.50");
	put_address(&ack, DHCP_OPTION_SERVER_ID, "192.0.2.1");
	put_address(&ack, DHCP_OPTION_SUBNET_MASK, "255.255.255.0");
	assert_int_equal(read_lease(&ack, &lease), -EBADMSG); /* time */
}

static void test_addresses_that_nobody_has(void **state)
{
	static const char *const yours[] = {"0.0.0.0",	 "0.1.2.3",    "127.0.0.1",
					    "224.0.0.1", "240.0.0.1",  "255.255.255.255",
					    "192.0.2.0", "192.0.2.255"};
	static const char *const servers[] = {"0.0.0.0", "127.0.0.1", "255.255.255.255"};
	struct dhcp_lease lease;
	struct ack ack;

	for (size_t i = 0; i < ARRAY_SIZE(yours); i++) {
		bare(&ack, yours[i]);
		put_address(&ack, DHCP_OPTION_SERVER_ID, "192.0.2.1");
		put_address(&ack, DHCP_OPTION_SUBNET_MASK, "255.255.255.0");
		put_u32(&ack, DHCP_OPTION_LEASE_TIME, 3600);
		assert_int_equal(read_lease(&ack, &lease), -EBADMSG);
	}
	for (size_t i = 0; i < ARRAY_SIZE(servers); i++) {
		bare(&ack, "192.0.2.50");
		put_address(&ack, DHCP_OPTION_SERVER_ID, servers[i]);
		put_u32(&ack, DHCP_OPTION_LEASE_TIME, 3600);
		assert_int_equal(read_lease(&ack, &lease), -EBADMSG);
	}
}

static void test_masks(void **state)
{
	static const struct {
		const char *address, *mask;
		int length; /* -1: refused */
	} cases[] = {
		{"192.0.2.50", "255.255.255.0", 24},
		{"192.0.2.50", "255.255.255.255", 32},
		{"192.0.2.50", "255.255.255.254", 31},
		{"192.0.2.50", "0.0.0.0", -1},
		{"192.0.2.50", "255.0.255.0", -1},
		{"192.0.2.50", "0.255.255.255", -1},
		{"10.1.2.3", NULL, 8},
		{"172.16.1.1", NULL, 16},
		{"192.0.2.50", NULL, 24},
	};
	struct dhcp_lease lease;
	struct ack ack;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int r;

		bare(&ack, cases[i].address);
		put_address(&ack, DHCP_OPTION_SERVER_ID, "192.0.2.1");
		put_u32(&ack, DHCP_OPTION_LEASE_TIME, 3600);
		if (cases[i].mask)
			put_address(&ack, DHCP_OPTION_SUBNET_MASK, cases[i].mask);
		r = read_lease(&ack, &lease);
		assert_int_equal(r, cases[i].length < 0 ? -EBADMSG : 0);
		if (r == 0)
			assert_int_equal(lease.prefix_length, cases[i].length);
	}
}

static void check_times(const uint32_t given[3], uint32_t renew, uint32_t rebind, uint32_t expires)
{
	struct dhcp_lease lease;
	struct ack ack;

	bare(&ack, "192.0.2.50");
	put_address(&ack, DHCP_OPTION_SERVER_ID, "192.0.2.1");
	put_u32(&ack, DHCP_OPTION_LEASE_TIME, given[0]);
	if (given[1])
		put_u32(&ack, DHCP_OPTION_T1, given[1] - 1);
	if (given[2])
		put_u32(&ack, DHCP_OPTION_T2, given[2] - 1);
	assert_int_equal(read_lease(&ack, &lease), 0);
	assert_int_equal((lease.renew - NOW) / SECOND, renew);
	assert_int_equal((lease.rebind - NOW) / SECOND, rebind);
	assert_int_equal((lease.expires - NOW) / SECOND, expires);
	assert_true(lease.renew < lease.rebind && lease.rebind < lease.expires);
}

static void test_times(void **state)
{
	/* lease, T1 + 1, T2 + 1 (0: not given) -> T1, T2, end */
	static const struct {
		uint32_t given[3], renew, rebind, expires;
	} cases[] = {
		{{3600, 0, 0}, 1800, 3150, 3600},	/* RFC 2131 section 4.4.5 */
		{{3600, 1001, 2001}, 1000, 2000, 3600}, /* the server's own */
		{{3600, 2001, 1001}, 500, 1000, 3600},	/* T1 after T2 */
		{{3600, 3601, 3601}, 1800, 3150, 3600}, /* at the end */
		{{3600, 5001, 6001}, 1800, 3150, 3600}, /* after it */
		{{3600, 1, 1}, 1800, 3150, 3600},	/* none at all */
		{{3600, 2, 3}, 1800, 3150, 3600},	/* asking every second */
		{{3600, UINT32_MAX, UINT32_MAX}, 1800, 3150, 3600},
		{{0, 0, 0}, 5, 8, 10}, /* a lease of no time */
		{{1, 0, 0}, 5, 8, 10},
		{{0xfffffffe, 0, 0}, 0x7fffffff, 3758096382, 0xfffffffe},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		check_times(cases[i].given, cases[i].renew, cases[i].rebind, cases[i].expires);
}

static void test_lease_without_end(void **state)
{
	struct dhcp_lease lease;
	struct ack ack;

	bare(&ack, "192.0.2.50");
	put_address(&ack, DHCP_OPTION_SERVER_ID, "192.0.2.1");
	put_u32(&ack, DHCP_OPTION_LEASE_TIME, UINT32_MAX);
	put_u32(&ack, DHCP_OPTION_T1, 60);
	assert_int_equal(read_lease(&ack, &lease), 0);
	assert_true(lease.renew == USEC_INFINITY && lease.rebind == USEC_INFINITY);
	assert_true(lease.expires == USEC_INFINITY);
}

static void test_address_lists(void **state)
{
	uint8_t many[1000];
	struct dhcp_lease lease;

	/* 250 servers, in two pieces: the first 8 are kept */
	for (unsigned i = 0; i < sizeof(many) / 4; i++)
		memcpy(many + i * 4, (uint8_t[]){10, 0, 1, (uint8_t)(i + 1)}, 4);
	lease = lease_with(DHCP_OPTION_DNS, many, sizeof(many));
	assert_int_equal(lease.dns_count, LEASE_SERVERS_MAX);
	assert_int_equal(lease.dns[7].s_addr, ip("10.0.1.8").s_addr);

	lease = lease_with(DHCP_OPTION_DNS,
			   "\x0a\0\0\1\x0a\0\0\1\x7f\0\0\1\0\0\0\0\xff\xff\xff\xff"
			   "\xe0\0\0\1\x0a\0\0\2",
			   28);
	assert_int_equal(lease.dns_count, 2); /* doubles and nobodies are passed over */
	assert_int_equal(lease.dns[1].s_addr, ip("10.0.0.2").s_addr);

	assert_int_equal(lease_with(DHCP_OPTION_DNS, "\x0a\0\0\1\x0a", 5).dns_count, 0);
	assert_int_equal(lease_with(DHCP_OPTION_DNS, NULL, 0).dns_count, 0);
	/* A gateway that is ourselves is none. */
	lease = lease_with(DHCP_OPTION_ROUTER, "\xc0\0\2\x32\xc0\0\2\1", 8);
	assert_int_equal(lease.gateways_count, 1);
	assert_int_equal(lease.gateways[0].s_addr, ip("192.0.2.1").s_addr);
}

static void test_mtu(void **state)
{
	assert_int_equal(lease_with(DHCP_OPTION_MTU, "\x05\xdc", 2).mtu, 1500);
	assert_int_equal(lease_with(DHCP_OPTION_MTU, "\x02\x40", 2).mtu, 576);
	assert_int_equal(lease_with(DHCP_OPTION_MTU, "\xff\xff", 2).mtu, 65535);
	assert_int_equal(lease_with(DHCP_OPTION_MTU, "\x02\x3f", 2).mtu, 0);
	assert_int_equal(lease_with(DHCP_OPTION_MTU, "\x00\x44", 2).mtu, 0);
	assert_int_equal(lease_with(DHCP_OPTION_MTU, "\0\0", 2).mtu, 0);
	assert_int_equal(lease_with(DHCP_OPTION_MTU, "\x05", 1).mtu, 0);
}

static void test_broadcast(void **state)
{
	assert_int_equal(lease_with(DHCP_OPTION_BROADCAST, "\xc0\0\2\xff", 4).broadcast.s_addr,
			 ip("192.0.2.255").s_addr);
	assert_int_equal(lease_with(DHCP_OPTION_BROADCAST, "\xc0\0\2\0", 4).broadcast.s_addr,
			 ip("192.0.2.0").s_addr);
	assert_int_equal(lease_with(DHCP_OPTION_BROADCAST, "\xc0\0\2\1", 4).broadcast.s_addr, 0);
	assert_int_equal(lease_with(DHCP_OPTION_BROADCAST, "\xc0\0\2", 3).broadcast.s_addr, 0);
}

static void test_names(void **state)
{
	static const char *const good[] = {"example.org", "a", "my_host", "x-1.example"};
	static const char *const bad[] = {"",	  ".",	 "-a",	"a..b",	       ".a",	  "a b",
					  "a\nb", "a;b", "a/b", "caf\xc3\xa9", "a.-b.org"};
	char label[65];

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_string_equal(lease_with(DHCP_OPTION_DOMAIN, good[i], strlen(good[i])).domain,
				    good[i]);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_string_equal(lease_with(DHCP_OPTION_DOMAIN, bad[i], strlen(bad[i])).domain,
				    "");
	assert_string_equal(lease_with(DHCP_OPTION_DOMAIN, "example.org.", 12).domain,
			    "example.org");
	assert_string_equal(lease_with(DHCP_OPTION_DOMAIN, "a\0b", 3).domain, "");
	memset(label, 'a', sizeof(label));
	assert_int_equal(strlen(lease_with(DHCP_OPTION_DOMAIN, label, 63).domain), 63);
	assert_string_equal(lease_with(DHCP_OPTION_DOMAIN, label, 64).domain, "");
	assert_string_equal(lease_with(DHCP_OPTION_HOSTNAME, label, 64).hostname, "");
}

static void test_portal(void **state)
{
	static const char *const good[] = {"https://portal.example/api",
					   "urn:ietf:params:capport:unrestricted"};
	static const char *const bad[] = {"http://portal.example", "javascript:alert(1)",
					  "https://a b", "https://a\x1b[2J", ""};
	char uri[300];

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_string_equal(
			lease_with(DHCP_OPTION_CAPTIVE_PORTAL, good[i], strlen(good[i])).portal,
			good[i]);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_string_equal(
			lease_with(DHCP_OPTION_CAPTIVE_PORTAL, bad[i], strlen(bad[i])).portal, "");
	memset(uri, 'a', sizeof(uri));
	memcpy(uri, "https://", 8);
	assert_int_equal(strlen(lease_with(DHCP_OPTION_CAPTIVE_PORTAL, uri, 255).portal), 255);
	assert_string_equal(lease_with(DHCP_OPTION_CAPTIVE_PORTAL, uri, 300).portal, "");
}

static void test_classless_routes(void **state)
{
	static const uint8_t routes[] = {0,  192, 0,  2,   1,		      /* default */
					 24, 198, 51, 100, 192, 0, 2, 254,    /* a network */
					 32, 203, 0,  113, 9,	0, 0, 0,   0, /* on the link */
					 20, 10,  1,  255, 192, 0, 2, 1};     /* host bits */
	struct dhcp_lease lease = lease_with(DHCP_OPTION_CLASSLESS_ROUTES, routes, sizeof(routes));
	char text[IP_PREFIX_TEXT_MAX];

	assert_int_equal(lease.routes_count, 4);
	assert_int_equal(lease.routes[0].destination.length, 0);
	assert_int_equal(lease.routes[0].gateway.s_addr, ip("192.0.2.1").s_addr);
	assert_string_equal(ip_prefix_print(&lease.routes[1].destination, text), "198.51.100.0/24");
	assert_string_equal(ip_prefix_print(&lease.routes[2].destination, text), "203.0.113.9/32");
	assert_int_equal(lease.routes[2].gateway.s_addr, 0);
	assert_string_equal(ip_prefix_print(&lease.routes[3].destination, text), "10.1.240.0/20");
	/* Microsoft's number for the same */
	lease = lease_with(DHCP_OPTION_CLASSLESS_ROUTES_MICROSOFT, routes, sizeof(routes));
	assert_int_equal(lease.routes_count, 4);
}

static void test_classless_routes_go_before_microsofts(void **state)
{
	static const uint8_t one[] = {0, 192, 0, 2, 1}, other[] = {0, 192, 0, 2, 2};
	struct dhcp_lease lease;
	struct ack ack;

	begin(&ack);
	dhcp_message_put(&ack.writer, DHCP_OPTION_CLASSLESS_ROUTES, one, sizeof(one));
	dhcp_message_put(&ack.writer, DHCP_OPTION_CLASSLESS_ROUTES_MICROSOFT, other, sizeof(other));
	assert_int_equal(read_lease(&ack, &lease), 0);
	assert_int_equal(lease.routes_count, 1);
	assert_int_equal(lease.routes[0].gateway.s_addr, ip("192.0.2.1").s_addr);
}

/* What is malformed leaves nothing behind that would take the router option's place. */
static void test_classless_routes_that_are_damaged(void **state)
{
	static const uint8_t cut[] = {0, 192, 0, 2, 1, 24, 198, 51};
	static const uint8_t wide[] = {0, 192, 0, 2, 1, 33, 1, 2, 3, 4, 5, 192, 0, 2, 1};
	static const uint8_t nowhere[] = {0, 127, 0, 0, 1};
	static const uint8_t ourselves[] = {0, 192, 0, 2, 50};
	static const uint8_t multicast[] = {4, 224, 192, 0, 2, 1};

	assert_int_equal(lease_with(DHCP_OPTION_CLASSLESS_ROUTES, cut, sizeof(cut)).routes_count,
			 0);
	assert_int_equal(lease_with(DHCP_OPTION_CLASSLESS_ROUTES, wide, sizeof(wide)).routes_count,
			 0);
	assert_int_equal(
		lease_with(DHCP_OPTION_CLASSLESS_ROUTES, nowhere, sizeof(nowhere)).routes_count, 0);
	assert_int_equal(
		lease_with(DHCP_OPTION_CLASSLESS_ROUTES, ourselves, sizeof(ourselves)).routes_count,
		0);
	assert_int_equal(
		lease_with(DHCP_OPTION_CLASSLESS_ROUTES, multicast, sizeof(multicast)).routes_count,
		0);
	assert_int_equal(lease_with(DHCP_OPTION_CLASSLESS_ROUTES, NULL, 0).routes_count, 0);
}

static void test_more_routes_than_there_is_room(void **state)
{
	uint8_t routes[9 * 100];

	for (unsigned i = 0; i < 100; i++)
		memcpy(routes + i * 9, (uint8_t[]){32, 10, 0, 0, (uint8_t)i, 192, 0, 2, 1}, 9);
	assert_int_equal(
		lease_with(DHCP_OPTION_CLASSLESS_ROUTES, routes, sizeof(routes)).routes_count,
		LEASE_ROUTES_MAX);
}

/* The example of RFC 3397 section 2. */
static void test_search(void **state)
{
	static const char value[] = "\3eng\5apple\3com\0\tmarketing\xc0\4";
	struct dhcp_lease lease = lease_with(DHCP_OPTION_SEARCH, value, sizeof(value) - 1);

	assert_int_equal(lease.search_count, 2);
	assert_string_equal(text_list_at(lease.search, 0), "eng.apple.com");
	assert_string_equal(text_list_at(lease.search, 1), "marketing.apple.com");
}

static void test_search_in_pieces(void **state)
{
	static const char first[] = "\3eng\5ap", second[] = "ple\3com\0\tmarketing\xc0\4";
	struct dhcp_lease lease;
	struct ack ack;

	begin(&ack);
	dhcp_message_put(&ack.writer, DHCP_OPTION_SEARCH, first, sizeof(first) - 1);
	dhcp_message_put(&ack.writer, DHCP_OPTION_SEARCH, second, sizeof(second) - 1);
	assert_int_equal(read_lease(&ack, &lease), 0);
	assert_string_equal(text_list_at(lease.search, 1), "marketing.apple.com");
}

static void test_search_that_is_hostile(void **state)
{
	static const struct {
		const char *value;
		size_t length;
		unsigned count;
	} cases[] = {
		{"\xc0\0", 2, 0},		  /* itself */
		{"\3abc\xc0\0", 6, 0},		  /* its own beginning */
		{"\xc0\2\xc0\0", 4, 0},		  /* each other */
		{"\3abc\xc0\xff", 6, 0},	  /* forwards, outside */
		{"\3abc", 4, 0},		  /* no end */
		{"\77abc", 4, 0},		  /* a label cut off */
		{"\x80xx", 3, 0},		  /* a reserved kind of label */
		{"\3abc\0\3a b\0\3def\0", 15, 2}, /* a space: left out */
		{"\3abc\0\3a\0b\0", 10, 1},	  /* a NUL */
		{"\0", 1, 0},			  /* the root */
		{"\1a\0\1b\0\1c\0\1d\0\1e\0\1f\0\1g\0", 21, LEASE_SEARCH_MAX},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(lease_with(DHCP_OPTION_SEARCH, cases[i].value, cases[i].length)
					 .search_count,
				 cases[i].count);
}

/* Names that pointers make longer than a name can be. */
static void test_search_that_grows(void **state)
{
	uint8_t value[400];
	size_t at = 0, before;

	for (int i = 0; i < 5; i++) {
		before = at;
		value[at++] = 60;
		memset(value + at, 'a' + i, 60);
		at += 60;
		if (i == 0) {
			value[at++] = 0;
		} else {
			value[at++] = 0xc0;
			value[at++] = (uint8_t)(before - (i == 1 ? 62 : 63));
		}
	}
	/* 60, 121, 182 and 243 characters fit, 304 do not */
	assert_int_equal(lease_with(DHCP_OPTION_SEARCH, value, at).search_count, 4);
}

static void test_parameters(void **state)
{
	uint8_t list[32];
	size_t count = lease_parameters(false, list, sizeof(list));

	assert_null(memchr(list, DHCP_OPTION_IPV6_ONLY, count));
	assert_true((uint8_t *)memchr(list, DHCP_OPTION_CLASSLESS_ROUTES, count) <
		    (uint8_t *)memchr(list, DHCP_OPTION_ROUTER, count));
	assert_int_equal(lease_parameters(true, list, sizeof(list)), count + 1);
	assert_non_null(memchr(list, DHCP_OPTION_IPV6_ONLY, count + 1));
	assert_non_null(memchr(list, DHCP_OPTION_CAPTIVE_PORTAL, count + 1));
	assert_int_equal(lease_parameters(true, list, 3), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain_lease),
		cmocka_unit_test(test_what_must_be_there),
		cmocka_unit_test(test_addresses_that_nobody_has),
		cmocka_unit_test(test_masks),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_lease_without_end),
		cmocka_unit_test(test_address_lists),
		cmocka_unit_test(test_mtu),
		cmocka_unit_test(test_broadcast),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_portal),
		cmocka_unit_test(test_classless_routes),
		cmocka_unit_test(test_classless_routes_go_before_microsofts),
		cmocka_unit_test(test_classless_routes_that_are_damaged),
		cmocka_unit_test(test_more_routes_than_there_is_room),
		cmocka_unit_test(test_search),
		cmocka_unit_test(test_search_in_pieces),
		cmocka_unit_test(test_search_that_is_hostile),
		cmocka_unit_test(test_search_that_grows),
		cmocka_unit_test(test_parameters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
