/* Lease files of other clients, and resolv.conf: what is read, and what is left out. */
#include <arpa/inet.h>
#include <string.h>

#include "adopt/found_lease.h"
#include "adopt/resolv_conf.h"
#include "unit.h"

static const struct hardware_address mac = {.length = 6,
					    .bytes = {0x02, 0x00, 0x5e, 0x10, 0x20, 0x30}};

static void assert_address(struct in_addr address, const char *text)
{
	char buffer[INET_ADDRSTRLEN];

	assert_string_equal(inet_ntop(AF_INET, &address, buffer, sizeof(buffer)), text);
}

static void test_networkd(void **state)
{
	static const char text[] =
		"# This is private data. Do not parse.\n"
		"ADDRESS=192.0.2.40\nNETMASK=255.255.255.0\n"
		"ROUTER=192.0.2.1\nSERVER_ADDRESS=192.0.2.2\nMTU=1400\n"
		"T1=1800\nT2=3150\nLIFETIME=3600\nDNS=192.0.2.3 192.0.2.4\n"
		"DOMAINNAME=example.com\nDOMAIN_SEARCH_LIST=a.example b.example\n"
		"ROUTES=198.51.100.0/24,192.0.2.9 203.0.113.0/24,0.0.0.0\n"
		"CLIENTID=ff5e102030000200\n";
	struct found_lease lease;

	assert_int_equal(found_lease_parse_networkd(text, sizeof(text) - 1, &lease), 0);
	assert_address(lease.address, "192.0.2.40");
	assert_address(lease.server, "192.0.2.2");
	assert_int_equal(lease.prefix_length, 24);
	assert_int_equal(lease.dns_count, 2);
	assert_int_equal(lease.routes_count, 2);
	assert_int_equal(lease.search_count, 2);
	assert_int_equal(lease.mtu, 1400);
	assert_true(lease.length == 3600 * USEC_PER_SEC);
	assert_true(lease.client_id_known);
	assert_int_equal(lease.client_id_length, 8);
	assert_int_equal(lease.client_id[0], 0xff);
	assert_string_equal(lease.domain, "example.com");
}

static void test_networkmanager(void **state)
{
	static const char text[] = "# This is private data. Do not parse.\nADDRESS=192.0.2.40\n";
	struct found_lease lease;

	assert_int_equal(found_lease_parse_networkd(text, sizeof(text) - 1, &lease), 0);
	assert_address(lease.address, "192.0.2.40");
	assert_false(lease.client_id_known);
	assert_int_equal(lease.server.s_addr, 0);
	assert_int_equal(found_lease_parse_networkd("ADDRESS=x\n", 10, &lease), -ENOENT);
	assert_int_equal(found_lease_parse_networkd("ADDRESS=224.0.0.1\n", 18, &lease), -EBADMSG);
}

static const char dhclient_text[] =
	"default-duid \"\\000\\001\\000\\001\\061\\\"x\\002\\000\\136\\020 0\";\n"
	"lease {\n  interface \"eth1\";\n  fixed-address 192.0.2.99;\n}\n"
	"lease {\n  interface \"eth0\";\n  fixed-address 192.0.2.39;\n}\n"
	"# a comment; with { signs }\n"
	"lease {\n"
	"  interface \"eth0\";\n"
	"  fixed-address 192.0.2.40;\n"
	"  option subnet-mask 255.255.255.0;\n"
	"  option routers 192.0.2.1,192.0.2.7;\n"
	"  option dhcp-lease-time 3600;\n"
	"  option dhcp-server-identifier 192.0.2.2;\n"
	"  option domain-name-servers 192.0.2.3, 192.0.2.4;\n"
	"  option domain-name \"lan.example\";\n"
	"  option domain-search \"a.example.\", \"b.example.\";\n"
	"  option rfc3442-classless-static-routes 24,198,51,100,192,0,2,9,0,192,0,2,1;\n"
	"  renew 3 2030/11/27 03:20:00;\n"
	"  expire 3 2030/11/27 03:50:00;\n"
	"}\n";

static void test_dhclient(void **state)
{
	struct found_lease lease;

	assert_int_equal(found_lease_parse_dhclient(dhclient_text, sizeof(dhclient_text) - 1,
						    "eth0", &mac, &lease),
			 0);
	assert_address(lease.address, "192.0.2.40");
	assert_address(lease.gateways[1], "192.0.2.7");
	assert_int_equal(lease.dns_count, 2);
	assert_int_equal(lease.search_count, 2);
	assert_string_equal(lease.search[0], "a.example");
	assert_int_equal(lease.routes_count, 2);
	assert_int_equal(lease.routes[1].destination.length, 0);
	assert_true(lease.ends == UINT64_C(1921981800) * USEC_PER_SEC);
	/* Type 255, the end of the MAC, the DUID with its escapes undone. */
	assert_true(lease.client_id_known);
	assert_int_equal(lease.client_id[0], 255);
	assert_int_equal(lease.client_id[4], 0x30);
	assert_int_equal(lease.client_id[9], '1');
	assert_int_equal(lease.client_id[10], '"');
}

static void test_dhclient_variants(void **state)
{
	static const char epoch[] = "lease { fixed-address 192.0.2.40; expire epoch 1900000000; "
				    "option dhcp-client-identifier 1:2:0:5e:10:20:30; }";
	static const char never[] = "lease { fixed-address 192.0.2.40; expire never; }";
	static const char cut[] = "lease { fixed-address 192.0.2.40; expire never;";
	struct found_lease lease;

	assert_int_equal(found_lease_parse_dhclient(epoch, sizeof(epoch) - 1, "eth0", &mac, &lease),
			 0);
	assert_true(lease.ends == UINT64_C(1900000000) * USEC_PER_SEC);
	assert_int_equal(lease.client_id_length, 7);
	assert_int_equal(lease.client_id[3], 0x5e);
	assert_int_equal(found_lease_parse_dhclient(never, sizeof(never) - 1, "eth0", &mac, &lease),
			 0);
	assert_true(lease.ends == USEC_INFINITY);
	/* Without a DUID it sends none. */
	assert_true(lease.client_id_known);
	assert_int_equal(lease.client_id_length, 0);
	assert_int_equal(found_lease_parse_dhclient(cut, sizeof(cut) - 1, "eth0", &mac, &lease),
			 -ENOENT);
}

static size_t bootp(uint8_t *buffer, const uint8_t *options, size_t size)
{
	static const uint8_t cookie[] = {0x63, 0x82, 0x53, 0x63}, yours[] = {192, 0, 2, 40};

	memset(buffer, 0, 240);
	memcpy(buffer + 16, yours, sizeof(yours));
	memcpy(buffer + 236, cookie, sizeof(cookie));
	memcpy(buffer + 240, options, size);
	return 240 + size;
}

static void test_dhcpcd(void **state)
{
	static const uint8_t options[] = {0,   1,  4,  255, 255, 255, 0,   54, 4, 192, 0,  2,
					  2,   51, 4,  0,   0,	 14,  16,  6,  4, 192, 0,  2,
					  3,   3,  4,  192, 0,	 2,   1,   61, 3, 1,   2,  3,
					  121, 8,  24, 198, 51,	 100, 192, 0,  2, 9,   255};
	uint8_t message[512];
	size_t size = bootp(message, options, sizeof(options));
	struct found_lease lease;

	assert_int_equal(found_lease_parse_dhcpcd(message, size, 1000 * USEC_PER_SEC, &lease), 0);
	assert_address(lease.address, "192.0.2.40");
	assert_address(lease.server, "192.0.2.2");
	assert_int_equal(lease.prefix_length, 24);
	assert_true(lease.length == 3600 * USEC_PER_SEC);
	assert_true(lease.ends == 4600 * USEC_PER_SEC);
	assert_int_equal(lease.client_id_length, 3);
	assert_int_equal(lease.routes_count, 1);
	for (size_t cut = 0; cut < 240; cut++)
		assert_int_equal(found_lease_parse_dhcpcd(message, cut, 0, &lease), -EBADMSG);
}

static void test_store_form(void **state)
{
	struct found_lease lease = {.address.s_addr = htonl(0xc0000228),
				    .server.s_addr = htonl(0xc0000202),
				    .length = 3600 * USEC_PER_SEC};
	usec_t expires = usec_add(clock_boottime_usec(), 60 * USEC_PER_SEC);
	_cleanup_json_ json_t *json = found_lease_to_json(&lease, 24, expires, true);
	_cleanup_json_ json_t *asked = NULL;
	usec_t obtained = (usec_t)json_member_integer(json, "obtained", -1);
	usec_t renew = (usec_t)json_member_integer(json, "renew", -1);

	assert_true(json_member_true(json, "in_use"));
	assert_true(obtained <= clock_boottime_usec() && obtained <= renew && renew <= expires);
	/* Of which no server is known is asked for. */
	lease.server.s_addr = 0;
	asked = found_lease_to_json(&lease, 24, expires, true);
	assert_false(json_member_true(asked, "in_use"));
}

static void test_resolv_conf(void **state)
{
	static const char text[] = "# by hand\nnameserver 192.0.2.3\nnameserver 2001:db8::3\n"
				   "domain old.example\nsearch a.example b.example\n"
				   "nameserver nonsense\noptions edns0\n";
	static const char stub[] = "nameserver 127.0.0.53\n";
	static const char ours[] = "# Generated by aiosnetd from what the links offer.\n";
	struct resolv_conf conf;

	resolv_conf_parse(text, sizeof(text) - 1, &conf);
	assert_int_equal(conf.servers_count, 2);
	assert_int_equal(conf.search_count, 2);
	assert_string_equal(conf.search[0], "a.example");
	assert_false(conf.local);
	resolv_conf_parse(stub, sizeof(stub) - 1, &conf);
	assert_true(conf.local);
	resolv_conf_parse(ours, sizeof(ours) - 1, &conf);
	assert_true(conf.ours);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_networkd),    cmocka_unit_test(test_networkmanager),
		cmocka_unit_test(test_dhclient),    cmocka_unit_test(test_dhclient_variants),
		cmocka_unit_test(test_dhcpcd),	    cmocka_unit_test(test_store_form),
		cmocka_unit_test(test_resolv_conf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
