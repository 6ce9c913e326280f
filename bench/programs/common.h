/*
 * What the programs of the bench share: the clock, series of measurements, and rtnetlink by hand.
 *
 * By hand, not by libmnl: the bare client is the floor that others are compared with, and loading a
 * library is a part of its time.
 */
#pragma once

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Milliseconds of CLOCK_MONOTONIC. */
double now_ms(void);

/* Sleeps until that clock says so. */
void wait_until(double when_ms);

/* Says what failed, with errno, and ends the program with status 1. */
void fail(const char *what) __attribute__((noreturn));

/* RFC 1071, of an even number of bytes. */
uint16_t internet_checksum(const void *data, size_t length);

/* ---- series ---- */

/* Sorts `values` and prints {"median": .., "p99": .., "min": .., "max": .., "count": ..}, each
 * value times `scale`. */
void series_print(double *values, size_t count, double scale);

/* ---- rtnetlink ---- */

struct request {
	struct nlmsghdr header;
	uint8_t body[512];
};

/* A socket bound to these multicast groups (RTMGRP_*), 0 for requests alone. */
int rtnetlink_open(unsigned groups);

/* Begins a request; returns its family header of `size` bytes, zeroed. */
void *request_begin(struct request *request, uint16_t type, uint16_t flags, size_t size);
void request_add(struct request *request, uint16_t type, const void *value, size_t length);

/* Sends a request and waits for its acknowledgement: 0 or the kernel's negative errno. */
int request_talk(int socket, struct request *request);

/* Sets a link up or down. */
int link_set_up(int socket, int index, bool up);

/* Adds (RTM_NEWADDR) or removes (RTM_DELADDR) an address, given in network order. */
int address_change(int socket, uint16_t type, int index, uint32_t address, uint8_t prefix_length);

/* Adds (RTM_NEWROUTE) or removes (RTM_DELROUTE) a default route; `metric` 0: none is given. */
int default_route_change(int socket, uint16_t type, int index, uint32_t gateway, uint32_t metric);

/* The link by which the kernel sends to `destination` (network order), 0 if it has no route. */
int route_link(int socket, uint32_t destination);
