#include "dns_message.h"

#include <stdio.h>

#include "dns_name.h"
#include "dns_record.h"

#define DNS_CLASS_IN 1

#define EDNS_DO 0x8000 /* in the OPT record's TTL, RFC 3225 */

int dns_query_build(const struct dns_query *query, uint8_t buffer[DNS_QUERY_MAX])
{
	struct writer writer = WRITER(buffer, DNS_QUERY_MAX);
	int r;

	writer_u16(&writer, query->id);
	writer_u16(&writer, (query->recursion ? DNS_FLAG_RD : 0) | DNS_FLAG_AD |
				    (query->checking_disabled ? DNS_FLAG_CD : 0));
	writer_u16(&writer, 1);
	writer_u16(&writer, 0);
	writer_u16(&writer, 0);
	writer_u16(&writer, query->edns_size ? 1 : 0);

	r = dns_name_write(&writer, query->name);
	if (r < 0)
		return r;
	writer_u16(&writer, query->type);
	writer_u16(&writer, DNS_CLASS_IN);

	if (query->edns_size) {
		writer_u8(&writer, 0);
		writer_u16(&writer, DNS_TYPE_OPT);
		writer_u16(&writer, query->edns_size);
		writer_u32(&writer, query->dnssec ? EDNS_DO : 0);
		writer_u16(&writer, 0);
	}

	return writer_ok(&writer) ? (int)writer.offset : -EINVAL;
}

static void message_read_header(struct cursor *cursor, struct dns_message *message,
				unsigned *questions)
{
	uint16_t bits;

	message->id = cursor_u16(cursor);
	bits = cursor_u16(cursor);
	message->flags = bits & (DNS_FLAG_QR | DNS_FLAG_AA | DNS_FLAG_TC | DNS_FLAG_RD |
				 DNS_FLAG_RA | DNS_FLAG_AD | DNS_FLAG_CD);
	message->rcode = bits & 0x000f;
	*questions = cursor_u16(cursor);
	for (unsigned i = 0; i < _DNS_SECTION_MAX; i++)
		message->section_count[i] = cursor_u16(cursor);
}

static void message_read_question(struct cursor *cursor, struct dns_message *message)
{
	message->question = true;
	message->question_name = (uint16_t)cursor->offset;
	dns_name_skip(cursor);
	message->question_type = cursor_u16(cursor);
	cursor_skip(cursor, 2);
}

/* RFC 6891 6.1.3: the class is the sender's buffer, the TTL holds more of the rcode. */
static void message_take_edns(struct dns_message *message, const struct dns_record *record)
{
	message->edns = true;
	message->edns_size = record->class;
	message->rcode = (uint16_t)((message->rcode & 0x0f) | (record->ttl >> 24) << 4);
}

static int message_read_record(struct cursor *cursor, struct dns_message *message,
			       enum dns_section section)
{
	struct dns_record record = {.section = section, .name = (uint16_t)cursor->offset};

	dns_name_skip(cursor);
	record.type = cursor_u16(cursor);
	record.class = cursor_u16(cursor);
	record.ttl = cursor_u32(cursor);
	record.length = cursor_u16(cursor);
	record.data = (uint16_t)cursor->offset;
	cursor_skip(cursor, record.length);
	if (!cursor_ok(cursor))
		return -EBADMSG;

	if (record.type == DNS_TYPE_OPT) {
		message_take_edns(message, &record);
		message->section_count[section]--;
		return 0;
	}
	/* RFC 2181 8: a TTL with the upper bit set is taken for zero. */
	if (record.ttl > INT32_MAX)
		record.ttl = 0;
	if (dns_record_check(message, &record) < 0)
		return -EBADMSG;
	if (message->records_count < DNS_RECORDS_MAX)
		message->records[message->records_count++] = record;
	return 0;
}

int dns_message_parse(const void *bytes, size_t size, struct dns_message *ret)
{
	struct cursor cursor = CURSOR(bytes, size);
	unsigned questions;

	/* Offsets are 16 bits wide, and so is the length of a message over TCP. */
	if (size > UINT16_MAX)
		return -EBADMSG;

	memset(ret, 0, offsetof(struct dns_message, records));
	ret->bytes = bytes;
	ret->size = size;
	message_read_header(&cursor, ret, &questions);
	if (questions > 1)
		return -EBADMSG;
	if (questions)
		message_read_question(&cursor, ret);

	for (unsigned section = 0; section < _DNS_SECTION_MAX; section++) {
		unsigned count = ret->section_count[section];

		for (unsigned i = 0; i < count; i++)
			if (message_read_record(&cursor, ret, section) < 0)
				return -EBADMSG;
	}

	return cursor_ok(&cursor) ? 0 : -EBADMSG;
}

const char *dns_message_name(const struct dns_message *message, uint16_t offset, char *buffer)
{
	struct cursor cursor = CURSOR(message->bytes, message->size);

	cursor_skip(&cursor, offset);
	if (dns_name_read(&cursor, buffer) < 0)
		buffer[0] = '\0';
	return buffer;
}

static const char *const rcode_names[] = {
	"NOERROR",  "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP",  "REFUSED",
	"YXDOMAIN", "YXRRSET", "NXRRSET",  "NOTAUTH",  "NOTZONE", [16] = "BADVERS",
};

const char *dns_rcode_text(uint16_t rcode)
{
	if (rcode < ARRAY_SIZE(rcode_names) && rcode_names[rcode])
		return rcode_names[rcode];
	return "unknown";
}

const char *dns_reverse_name(const struct ip_address *address, char *buffer)
{
	const uint8_t *bytes = address->bytes;
	int length = 0;

	if (address->family == AF_INET) {
		snprintf(buffer, DNS_NAME_TEXT_MAX, "%u.%u.%u.%u.in-addr.arpa.", bytes[3], bytes[2],
			 bytes[1], bytes[0]);
		return buffer;
	}
	for (int i = 15; i >= 0; i--)
		length += sprintf(buffer + length, "%x.%x.", bytes[i] & 0x0f, bytes[i] >> 4);
	strcpy(buffer + length, "ip6.arpa.");
	return buffer;
}
