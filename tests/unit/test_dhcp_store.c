#include "dhcp_ack.h"

static struct dhcp_lease full_lease(usec_t now)
{
	static const uint8_t routes[] = {0, 192, 0, 2, 1, 24, 198, 51, 100, 192, 0, 2, 254};
	struct dhcp_message message;
	struct dhcp_lease lease;
	struct ack ack;

	begin(&ack);
	put_address(&ack, DHCP_OPTION_ROUTER, "192.0.2.1");
	put_address(&ack, DHCP_OPTION_DNS, "192.0.2.2");
	put_address(&ack, DHCP_OPTION_NTP, "192.0.2.3");
	dhcp_message_put(&ack.writer, DHCP_OPTION_CLASSLESS_ROUTES, routes, sizeof(routes));
	dhcp_message_put(&ack.writer, DHCP_OPTION_SEARCH, "\3eng\7example\3org\0", 17);
	dhcp_message_put(&ack.writer, DHCP_OPTION_DOMAIN, "example.org", 11);
	dhcp_message_put(&ack.writer, DHCP_OPTION_CAPTIVE_PORTAL, "https://p.example", 17);
	dhcp_message_put(&ack.writer, DHCP_OPTION_MTU, "\x05\x78", 2);
	dhcp_message_end(&ack.writer);
	assert_int_equal(dhcp_message_parse(ack.bytes, ack.writer.offset, &message), 0);
	assert_int_equal(lease_from_message(&message, now, &lease), 0);
	return lease;
}

static void test_store_keeps_everything(void **state)
{
	struct dhcp_lease lease = full_lease(clock_boottime_usec()), back;
	_cleanup_json_ json_t *json = lease_to_json(&lease);

	assert_non_null(json);
	assert_int_equal(lease_from_json(json, true, &back), 0);
	assert_true(lease_same(&lease, &back));
	assert_true(lease.obtained == back.obtained && lease.renew == back.renew &&
		    lease.rebind == back.rebind && lease.expires == back.expires);
	assert_int_equal(back.search_count, 1);
	assert_string_equal(text_list_at(back.search, 0), "eng.example.org");
}

static void test_store_over_a_boot(void **state)
{
	usec_t now = clock_boottime_usec();
	struct dhcp_lease lease = full_lease(now), back;
	_cleanup_json_ json_t *json = lease_to_json(&lease);

	/* An hour of lease, of which ten minutes are left by the real time. */
	json_object_set_new(json, "ends",
			    json_integer((json_int_t)(clock_realtime_usec() + 600 * SECOND)));
	assert_int_equal(lease_from_json(json, false, &back), 0);
	assert_in_range(back.expires - now, 599 * SECOND, 601 * SECOND);
	/* A clock that was set back does not make the lease longer. */
	json_object_set_new(json, "ends",
			    json_integer((json_int_t)(clock_realtime_usec() + 99999999 * SECOND)));
	assert_int_equal(lease_from_json(json, false, &back), 0);
	assert_in_range(back.expires - now, 3599 * SECOND, 3601 * SECOND);
	/* It ended while the machine was off. */
	json_object_set_new(json, "ends", json_integer(1));
	assert_int_equal(lease_from_json(json, false, &back), 0);
	assert_true(back.expires <= clock_boottime_usec());
}

static void test_store_of_a_lease_without_end(void **state)
{
	struct dhcp_lease lease = full_lease(clock_boottime_usec()), back;
	_cleanup_json_ json_t *json = NULL;

	lease.renew = lease.rebind = lease.expires = USEC_INFINITY;
	json = lease_to_json(&lease);
	assert_int_equal(lease_from_json(json, true, &back), 0);
	assert_true(back.expires == USEC_INFINITY);
	assert_int_equal(lease_from_json(json, false, &back), 0);
	assert_true(back.expires == USEC_INFINITY && back.renew == USEC_INFINITY);
}

static void test_store_is_not_trusted(void **state)
{
	static const struct {
		const char *key, *value;
	} damage[] = {
		{"address", "\"127.0.0.1\""},
		{"address", "5"},
		{"server", "\"0.0.0.0\""},
		{"prefix_length", "33"},
		{"prefix_length", "0"},
		{"mtu", "68"},
		{"mtu", "70000"},
		{"mtu", "-1"},
		{"dns", "[\"224.0.0.1\"]"},
		{"dns", "[1,2,3]"},
		{"dns", "[\"10.0.0.1\",\"10.0.0.1\",\"10.0.0.1\",\"10.0.0.1\",\"10.0.0.1\","
			"\"10.0.0.1\",\"10.0.0.1\",\"10.0.0.1\",\"10.0.0.1\"]"},
		{"routes", "[{\"destination\":\"10.0.0.0/33\",\"gateway\":\"192.0.2.1\"}]"},
		{"routes", "[{\"destination\":\"fd00::/8\",\"gateway\":\"192.0.2.1\"}]"},
		{"routes", "[{\"destination\":\"10.0.0.0/8\",\"gateway\":\"127.0.0.1\"}]"},
		{"routes", "[7]"},
		{"search", "[\"a b\"]"},
		{"search", "[null]"},
		{"domain", "\"a\\nnameserver 1.2.3.4\""},
		{"portal", "\"javascript:x\""},
		{"renew", "9223372036854775807"},
		{"obtained", "9223372036854775807"},
		{"expires", "0"},
		{"expires", "-1"},
	};
	struct dhcp_lease lease = full_lease(clock_boottime_usec()), back;
	_cleanup_json_ json_t *nothing = json_object();

	for (size_t i = 0; i < ARRAY_SIZE(damage); i++) {
		_cleanup_json_ json_t *json = lease_to_json(&lease);

		json_object_set_new(json, damage[i].key,
				    json_loads(damage[i].value, JSON_DECODE_ANY, NULL));
		assert_int_equal(lease_from_json(json, true, &back), -EBADMSG);
	}
	assert_int_equal(lease_from_json(nothing, true, &back), -EBADMSG);
}

static void test_same(void **state)
{
	struct dhcp_lease a = full_lease(NOW), b = full_lease(NOW + 5 * SECOND);

	assert_true(lease_same(&a, &b)); /* but for the times */
	b.mtu = 1300;
	assert_false(lease_same(&a, &b));
	b = a;
	b.routes[1].gateway = ip("192.0.2.77");
	assert_false(lease_same(&a, &b));
	b = a;
	b.dns_count = 0;
	assert_false(lease_same(&a, &b));
	b = a;
	b.search[0] = 'x';
	assert_false(lease_same(&a, &b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_store_keeps_everything),
		cmocka_unit_test(test_store_over_a_boot),
		cmocka_unit_test(test_store_of_a_lease_without_end),
		cmocka_unit_test(test_store_is_not_trusted),
		cmocka_unit_test(test_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
