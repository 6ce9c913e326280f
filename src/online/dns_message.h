/*
 * DNS messages: a query is built, an answer is taken apart (RFC 1035, 3597, 6891, 9460).
 *
 * The parser checks the whole message at once: every name, every record and the fields of every
 * type it knows. What it returns are offsets into the message, which is borrowed; printing from
 * them cannot leave it.
 */
#pragma once

#include "base/base.h"

#define DNS_NAME_TEXT_MAX 1024 /* bytes: 255 octets, each escaped at worst */
#define DNS_QUERY_MAX	  300  /* bytes: header, the longest name, OPT */
#define DNS_RECORDS_MAX	  256  /* kept of one message */

enum dns_type {
	DNS_TYPE_A = 1,
	DNS_TYPE_NS = 2,
	DNS_TYPE_CNAME = 5,
	DNS_TYPE_SOA = 6,
	DNS_TYPE_PTR = 12,
	DNS_TYPE_MX = 15,
	DNS_TYPE_TXT = 16,
	DNS_TYPE_AAAA = 28,
	DNS_TYPE_SRV = 33,
	DNS_TYPE_NAPTR = 35,
	DNS_TYPE_DNAME = 39,
	DNS_TYPE_OPT = 41,
	DNS_TYPE_DS = 43,
	DNS_TYPE_SSHFP = 44,
	DNS_TYPE_RRSIG = 46,
	DNS_TYPE_NSEC = 47,
	DNS_TYPE_DNSKEY = 48,
	DNS_TYPE_TLSA = 52,
	DNS_TYPE_SVCB = 64,
	DNS_TYPE_HTTPS = 65,
	DNS_TYPE_ANY = 255,
	DNS_TYPE_CAA = 257,
};

enum dns_rcode {
	DNS_NOERROR = 0,
	DNS_FORMERR = 1,
	DNS_SERVFAIL = 2,
	DNS_NXDOMAIN = 3,
	DNS_NOTIMP = 4,
	DNS_REFUSED = 5,
};

enum dns_flag {
	DNS_FLAG_QR = 0x8000,
	DNS_FLAG_AA = 0x0400,
	DNS_FLAG_TC = 0x0200,
	DNS_FLAG_RD = 0x0100,
	DNS_FLAG_RA = 0x0080,
	DNS_FLAG_AD = 0x0020,
	DNS_FLAG_CD = 0x0010,
};

enum dns_section { DNS_ANSWER, DNS_AUTHORITY, DNS_ADDITIONAL, _DNS_SECTION_MAX };

struct dns_record {
	uint8_t section; /* enum dns_section */
	uint16_t type, class;
	uint32_t ttl;	 /* seconds */
	uint16_t name;	 /* offset of the owner name */
	uint16_t data;	 /* offset of the data */
	uint16_t length; /* bytes of it */
};

struct dns_message {
	const uint8_t *bytes; /* the whole message, borrowed */
	size_t size;
	uint16_t id;
	uint16_t flags; /* enum dns_flag */
	uint16_t rcode; /* with the upper bits of EDNS */
	bool edns;
	uint16_t edns_size;	/* bytes the server can take over UDP */
	bool question;		/* there was one: name and type follow */
	uint16_t question_name; /* offset */
	uint16_t question_type;
	unsigned section_count[_DNS_SECTION_MAX]; /* as in the message, OPT not counted */
	unsigned records_count;			  /* kept here, at most DNS_RECORDS_MAX */
	struct dns_record records[DNS_RECORDS_MAX];
};

/* Query of `name` in presentation form ("." and a final dot allowed). Returns its length; -EINVAL
 * for a name that is none. The caller chooses `id` at random. */
struct dns_query {
	const char *name;
	uint16_t type;
	uint16_t id;
	bool recursion;		/* RD */
	bool checking_disabled; /* CD */
	bool dnssec;	    /* DO: send me the signatures; AD is always asked for (RFC 6840 5.7) */
	uint16_t edns_size; /* bytes we take over UDP, 0: no EDNS */
};
int dns_query_build(const struct dns_query *query, uint8_t buffer[DNS_QUERY_MAX]);

/* 0, or -EBADMSG. All of `ret` but its records beyond records_count is set. */
int dns_message_parse(const void *bytes, size_t size, struct dns_message *ret);

/* The name at `offset`, in presentation form with a final dot; returned. `buffer` holds
 * DNS_NAME_TEXT_MAX bytes; "" for an offset at which there is no name. */
const char *dns_message_name(const struct dns_message *message, uint16_t offset, char *buffer);

/* The fields of a record: {"address": ...}, {"preference": ..., "exchange": ...}; of a type without
 * a table {"hex": ...}. NULL when memory is exhausted. */
json_t *dns_record_to_json(const struct dns_message *message, const struct dns_record *record);

/* The address of an A or AAAA record: true and `ret`. */
bool dns_record_address(const struct dns_message *message, const struct dns_record *record,
			struct ip_address *ret);

/* "A", "HTTPS", "TYPE1234"; returns `buffer` of 16 bytes or a constant. */
const char *dns_type_text(uint16_t type, char *buffer);
int dns_type_parse(const char *text, uint16_t *ret); /* 0 or -EINVAL; any case */
const char *dns_rcode_text(uint16_t rcode); /* "NXDOMAIN"; "unknown" for one without name */

/* "7.2.0.192.in-addr.arpa." or the ip6.arpa form; `buffer` of DNS_NAME_TEXT_MAX; returned. */
const char *dns_reverse_name(const struct ip_address *address, char *buffer);
