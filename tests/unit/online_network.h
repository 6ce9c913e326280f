/*
 * Two hosts for tests of probes, each a network namespace that dies with the test: `near`, in which
 * the test runs, and `far`, which is its router and its internet. Nothing leaves them.
 */
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <systemd/sd-event.h>

#include "base/base.h"
#include "unit.h"

#define TEST_SKIP 77

struct test_network {
	int near, far;
};

static inline int test_namespace_new(void)
{
	return unshare(CLONE_NEWNET) < 0 ? -1
					 : open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
}

static inline void test_run(const char *command)
{
	if (system(command) != 0) {
		fprintf(stderr, "failed: %s\n", command);
		abort();
	}
}

static inline void test_enter(int namespace)
{
	if (setns(namespace, CLONE_NEWNET) < 0)
		abort();
}

/* 10.9.0.1, .3 and 2001:db8:9::1 near, 10.9.0.2 and 2001:db8:9::2 far; 1.1.1.1 and 2001:db8:1::1
 * are far behind a default route; 10.99.0.0/16 and 2001:db8:99::/48 are unreachable, says far. */
static inline struct test_network test_network_new(void)
{
	struct test_network network;
	char command[256];

	network.far = test_namespace_new();
	if (network.far < 0)
		exit(TEST_SKIP);
	test_run("ip link set lo up; ip address add 1.1.1.1/32 dev lo;"
		 "ip address add 2001:db8:1::1/128 dev lo;"
		 "echo 1 >/proc/sys/net/ipv4/ip_forward;"
		 "echo 1 >/proc/sys/net/ipv6/conf/all/forwarding;"
		 "echo 0 >/proc/sys/net/ipv4/icmp_ratelimit;"
		 "echo 0 >/proc/sys/net/ipv6/icmp/ratelimit;"
		 "ip route add unreachable 10.99.0.0/16;"
		 "ip route add unreachable 2001:db8:99::/48");
	network.near = test_namespace_new();
	snprintf(command, sizeof(command),
		 "ip link set lo up; ip link add v0 type veth peer name v1 netns /proc/%d/fd/%d",
		 (int)getpid(), network.far);
	test_run(command);
	test_enter(network.far);
	test_run("ip link set v1 up; ip address add 10.9.0.2/24 dev v1;"
		 "ip address add 2001:db8:9::2/64 dev v1 nodad");
	test_enter(network.near);
	test_run("ip link set v0 up; ip address add 10.9.0.1/24 dev v0;"
		 "ip address add 10.9.0.3/24 dev v0;"
		 "ip address add 2001:db8:9::1/64 dev v0 nodad;"
		 "ip route add default via 10.9.0.2; ip route add default via 2001:db8:9::2");
	return network;
}

/* Runs the loop until `*done` or for 10 s. */
static inline void test_loop(sd_event *event, const bool *done)
{
	usec_t end = clock_boottime_usec() + 10 * USEC_PER_SEC;

	while (!*done && clock_boottime_usec() < end)
		assert_true(sd_event_run(event, 100 * USEC_PER_MSEC) >= 0);
	assert_true(*done);
}

static inline struct ip_address test_address(const char *text)
{
	struct ip_address address;

	assert_int_equal(ip_address_parse(text, &address, NULL, NULL), 0);
	return address;
}
