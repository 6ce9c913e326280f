/*
 * Who manages this host from outside: who is connected to its management ports, and whom an
 * administrator stated.
 */
#pragma once

#include "link.h"

#define SESSIONS_MAX	   256
#define SESSION_SOCKETS	   4
#define SESSIONS_FRESH	   USEC_PER_SEC /* younger is nobody's work yet: to log in takes longer */
#define SESSION_WORK_BYTES 8192

/* The connections between two addresses to management ports, taken together: so a stranger who
 * opens many does not push others out. */
struct session {
	struct ip_address local, remote;
	int link;			   /* that it is bound to, as one by fe80:: is; else 0 */
	uint16_t port;			   /* of the first of them */
	uint64_t acknowledged;		   /* bytes that the remote end has, of all of them */
	uint64_t most;			   /* the same, of one of them */
	uint32_t sockets[SESSION_SOCKETS]; /* inodes of the first of them; 0 for none */
};

struct sessions {
	const struct link_manager_config *config; /* says what was stated */
	struct management_stated stated[MANAGEMENT_STATED_MAX];
	unsigned stated_count;
	/* Of more than there is room for, those that the most went to. */
	struct session list[SESSIONS_MAX];
	unsigned count;
	usec_t read; /* boottime, 0 for never */
};

/* Reads anew what was stated, and, unless that was done within `fresh`, who is connected. 0 or a
 * negative errno. */
int sessions_refresh(struct sessions *sessions, usec_t fresh);

/*
 * More goes to somebody at work than to a stranger at the door: until a client has proved who it
 * is, a server of SSH sends it less than SESSION_WORK_BYTES, and one attempt is one connection.
 */
bool session_is_at_work(const struct session *session);

/* See link_manager_peers(), link_manager_look_at_peers(). */
unsigned sessions_peers(struct sessions *sessions, const struct core *core, pid_t caller,
			struct management_peer *ret, unsigned most);
void sessions_look_at_peers(struct sessions *sessions, struct management_peer *peers,
			    unsigned count);
