/*
 * What the files of this room share: the document being made, and tables of settings.
 */
#pragma once

#include <net/if.h>

#include "import.h"

/* ---- draft.c: the document while it is being made ---- */

struct import {
	const struct import_request *request;
	json_t *links; /* by name, in the order in which they were first spoken of */
	json_t *routes, *rules;
	json_t *untranslated;
	size_t budget; /* values that may still be made */
	bool failed;   /* memory is exhausted; all else goes on and makes nothing */
};

/* Where a setting stands. `section` may be NULL. */
struct place {
	const char *file;
	unsigned line;
	const char *section, *key;
};

/* Takes a part of the budget; false when there is none left. */
bool import_spend(struct import *import, size_t values);

/* Has no equivalent, or is not understood. `why` is a literal: values never come here. */
void import_remain(struct import *import, const struct place *place, const char *why);

/* The link of a name that spec_link_name_valid() accepts, made where there is none. NULL when
 * memory is exhausted. Borrowed. */
json_t *import_link(struct import *import, const char *name);
/* Lays `settings` over the link: lists are joined, objects merged, all else replaced. */
void import_lay_over(struct import *import, const char *name, const json_t *settings);

/* Sets a member, which may be nested ("bridge.stp"); takes `value`. */
void import_put(struct import *import, json_t *target, const char *member, json_t *value);
/* Appends to a list, unless it is there already; takes `value`. */
void import_append(struct import *import, json_t *target, const char *member, json_t *value);
/* A nested member, or NULL. */
json_t *import_member(const json_t *target, const char *member);

/* A route or rule of no link; takes it. */
void import_add_route(struct import *import, json_t *route);
void import_add_rule(struct import *import, json_t *rule);
/* A route that may belong to a link: one that leads nowhere (blackhole) does not. Takes it. */
void import_put_route(struct import *import, json_t *link, json_t *route);

/* ---- settings.c: tables ---- */

struct setting;

/* `target` is the object that the section makes: a link, a route, a rule. */
typedef void (*setting_function_t)(struct import *import, const struct place *place, json_t *target,
				   const char *value, const struct setting *setting);

struct choice {
	const char *text;
	const char *value; /* in the document; NULL: has no equivalent, `why` of the row says so */
};

/* The modes of bonds, by their numbers and names (bonding.rst of the kernel). */
extern const struct choice import_bond_modes[];

struct setting {
	const char *section, *key;
	setting_function_t handle;
	const char *member;	/* of the document */
	int64_t least, most;	/* of integers; both 0: any of 32 bits */
	int64_t unit, fallback; /* of times: microseconds of the document's and of a bare number */
	const struct choice *choices;
	const char *why;
};

#define SETTING_END                                                                                \
	{                                                                                          \
		.key = NULL                                                                        \
	}

/* The row of a key in a section; a row whose key ends in "*" is for all that begin so, and case
 * makes no difference. NULL for none. */
const struct setting *setting_find(const struct setting *table, const char *section,
				   const char *key);
/* Handles, and marks the target as "spoilt" when the value was not understood: for what would mean
 * something else without it. */
void setting_apply_vital(struct import *import, const struct setting *setting,
			 const struct place *place, json_t *target, const char *value);
/* Finds and handles; what is in no row remains, since nothing is known of it. */
void setting_apply(struct import *import, const struct setting *table, const struct place *place,
		   json_t *target, const char *value);

#define SETTING_HANDLER(name)                                                                      \
	void name(struct import *import, const struct place *place, json_t *target,                \
		  const char *value, const struct setting *setting)
SETTING_HANDLER(set_none);	/* has no equivalent, see `why` */
SETTING_HANDLER(set_nothing);	/* says what is so anyway, or is read elsewhere */
SETTING_HANDLER(set_integer);	/* decimal or 0x */
SETTING_HANDLER(set_bytes);	/* integer with K, M or G */
SETTING_HANDLER(set_time);	/* 4, 4s, 100ms, 1min 30s */
SETTING_HANDLER(set_truth);	/* yes or no: true or false */
SETTING_HANDLER(set_truth_not); /* the other way about */
SETTING_HANDLER(set_switch);	/* yes or no: 1 or 0 */
SETTING_HANDLER(set_choice);	/* one of `choices` */
SETTING_HANDLER(set_address);	/* an IP address without length */
SETTING_HANDLER(set_network);	/* a destination, without host bits */
SETTING_HANDLER(set_addresses); /* interface addresses, between spaces, commas or semicolons */
SETTING_HANDLER(set_dns);	/* name servers, likewise */
SETTING_HANDLER(set_search);	/* domains, likewise */
SETTING_HANDLER(set_gateway);	/* of the link */
SETTING_HANDLER(set_mac);
SETTING_HANDLER(set_link);  /* the name of a link */
SETTING_HANDLER(set_table); /* of routes: number, main, default, local */
SETTING_HANDLER(set_hostname);
SETTING_HANDLER(set_vxlan_remote);

/* ---- values ---- */

bool read_truth(const char *text, bool *ret);
bool read_integer(const char *text, int64_t least, int64_t most, int64_t *ret);
bool read_table(const char *text, int64_t *ret);
/* A destination as the document has it ("default" and "::/0" included). Host bits are cleared, as
 * all these managers do. `family` decides what "default" is where it is AF_INET6. */
bool read_network(const char *text, int family, char ret[IP_PREFIX_TEXT_MAX]);
bool read_address(const char *text, char ret[IP_ADDRESS_TEXT_MAX]);
/* An interface address; one without a length is refused. */
bool read_interface_address(const char *text, char ret[IP_PREFIX_TEXT_MAX]);
bool is_ipv6(const char *text);

/* The gateway of a link, with the metric (-1: none stated). */
void put_gateway(struct import *import, const struct place *place, json_t *link, const char *text,
		 int64_t metric, int64_t table);

/* Appends the VLANs of "10" or "10-20" to a port's list; false for what is none. */
bool put_vlans(struct import *import, json_t *link, const char *range, bool untagged, bool pvid);

/* The next word of `*text` up to one of `separators`, copied; false at the end. Words that do not
 * fit are cut, which no name or address is. */
#define WORD_MAX 256
bool next_word(const char **text, const char *separators, char ret[WORD_MAX]);

/* ---- commands.c ---- */

#define COMMAND_WORDS_MAX 48

/* `add`'s words behind "ip route add" and "ip rule add"; NULL when one of them is not known (or
 * memory is exhausted). `device` is what "dev" said, "" for nothing. */
json_t *route_from_words(int family, unsigned count, char words[][WORD_MAX], char device[IFNAMSIZ]);
json_t *rule_from_words(int family, unsigned count, char words[][WORD_MAX]);

enum command_result { COMMAND_DONE, COMMAND_UNKNOWN };

/* A shell command that runs when `link` comes up (or goes down: what only takes back what was made
 * needs no equivalent). */
enum command_result import_command(struct import *import, const char *link, const char *command,
				   bool down);

/* ---- match.c ---- */

/* Is the name one that the shell's patterns are in? */
bool has_pattern(const char *name);
/* Does one of the patterns between spaces fit? A leading "!" turns the list around. */
bool pattern_list_fits(const char *patterns, const char *text);
bool mac_list_fits(const char *macs, const char *mac);

/* ---- ini.c ---- */

struct ini {
	const char *file;
	const char *rest;
	unsigned line, next; /* of the last entry, and behind it */
	unsigned section;    /* counts the sections, 0 before the first */
	bool continued;	     /* lines may end in a backslash (systemd) */
	char *buffer;	     /* of one line */
	char name[WORD_MAX];
	const char *key, *value; /* borrowed until the next call */
};

enum ini_result { INI_END, INI_ENTRY, INI_MALFORMED };

int ini_open(struct ini *ini, const struct import_file *file, bool continued);
void ini_close(struct ini *ini);
enum ini_result ini_next(struct ini *ini);

/* ---- formats ---- */

int import_ifupdown(struct import *import);
int import_netplan(struct import *import);
int import_networkd(struct import *import);
int import_keyfiles(struct import *import);
