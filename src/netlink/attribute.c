#include "attribute.h"

static int read_ip(struct cursor payload, struct ip_address *ret)
{
	int family = payload.size == 4 ? AF_INET : payload.size == 16 ? AF_INET6 : AF_UNSPEC;

	if (family == AF_UNSPEC)
		return -EBADMSG;
	/* Not by struct assignment: padding stays zero, so that objects compare and hash as bytes.
	 */
	ret->family = family;
	memset(ret->bytes, 0, sizeof(ret->bytes));
	memcpy(ret->bytes, payload.data, payload.size);
	return 0;
}

/* The kernel allows 32 bytes; no hardware that we know of has more than InfiniBand's 20. */
static void read_mac(struct cursor payload, struct hardware_address *ret)
{
	if (payload.size > sizeof(ret->bytes))
		return;
	ret->length = payload.size;
	memcpy(ret->bytes, payload.data, payload.size);
}

static void read_text(struct cursor payload, char *text, size_t size)
{
	size_t length = strnlen((const char *)payload.data, MIN(payload.size, size - 1));

	memcpy(text, payload.data, length);
	text[length] = '\0';
}

static int read_row(struct cursor payload, const struct attribute *row, void *object)
{
	static const uint8_t sizes[] = {
		[ATTRIBUTE_U8] = 1, [ATTRIBUTE_U16] = 2, [ATTRIBUTE_U32] = 4};
	void *member = (uint8_t *)object + row->offset;

	switch ((enum attribute_type)row->type) {
	case ATTRIBUTE_UNKNOWN:
		return 0;
	case ATTRIBUTE_U8:
	case ATTRIBUTE_U16:
	case ATTRIBUTE_U32:
		cursor_copy(&payload, member, sizes[row->type]);
		return cursor_ok(&payload) ? 0 : -EBADMSG;
	case ATTRIBUTE_TEXT:
		read_text(payload, member, row->size);
		return 0;
	case ATTRIBUTE_IP:
	case ATTRIBUTE_IPV4:
	case ATTRIBUTE_IPV6:
		return read_ip(payload, member);
	case ATTRIBUTE_MAC:
		read_mac(payload, member);
		return 0;
	case ATTRIBUTE_NEST:
		return attribute_read(payload, row->nest, object);
	case ATTRIBUTE_CALL:
		return row->call(payload, object);
	}
	return 0;
}

int attribute_read(struct cursor attributes, const struct attribute_table *table, void *object)
{
	while (cursor_left(&attributes) >= sizeof(struct nlattr)) {
		struct nlattr header;
		struct cursor payload;
		uint16_t number;
		int r;

		cursor_copy(&attributes, &header, sizeof(header));
		if (header.nla_len < sizeof(header))
			return -EBADMSG;
		payload = cursor_sub(&attributes, header.nla_len - sizeof(header));
		if (!cursor_ok(&payload))
			return -EBADMSG;
		cursor_skip(&attributes, MIN(cursor_left(&attributes),
					     (size_t)(MNL_ALIGN(header.nla_len) - header.nla_len)));

		number = header.nla_type & NLA_TYPE_MASK;
		if (number < table->count && table->rows[number].type != ATTRIBUTE_UNKNOWN) {
			r = read_row(payload, &table->rows[number], object);
			if (r < 0)
				return r;
		} else if (table->unknown) {
			table->unknown(number, payload, object);
		}
	}
	return 0;
}

static void put_row(struct nlmsghdr *message, uint16_t number, const struct attribute *row,
		    const void *object)
{
	const void *member = (const uint8_t *)object + row->offset;
	const struct hardware_address *mac = member;
	const struct ip_address *ip = member;

	switch ((enum attribute_type)row->type) {
	case ATTRIBUTE_U8:
		if (*(const uint8_t *)member)
			mnl_attr_put_u8(message, number, *(const uint8_t *)member);
		break;
	case ATTRIBUTE_U16:
		if (*(const uint16_t *)member)
			mnl_attr_put_u16(message, number, *(const uint16_t *)member);
		break;
	case ATTRIBUTE_U32:
		if (*(const uint32_t *)member)
			mnl_attr_put_u32(message, number, *(const uint32_t *)member);
		break;
	case ATTRIBUTE_TEXT:
		if (*(const char *)member)
			mnl_attr_put_strz(message, number, member);
		break;
	case ATTRIBUTE_IP:
		if (ip_address_is_set(ip))
			mnl_attr_put(message, number, ip_family_bytes(ip->family), ip->bytes);
		break;
	case ATTRIBUTE_MAC:
		if (mac->length)
			mnl_attr_put(message, number, mac->length, mac->bytes);
		break;
	case ATTRIBUTE_UNKNOWN:
	case ATTRIBUTE_IPV4:
	case ATTRIBUTE_IPV6:
	case ATTRIBUTE_NEST:
	case ATTRIBUTE_CALL:
		break;
	}
}

void attribute_put(struct nlmsghdr *message, const struct attribute_table *table,
		   const void *object)
{
	for (uint16_t number = 0; number < table->count; number++)
		put_row(message, number, &table->rows[number], object);
}

/* An address that is no longer wanted is put as that of zeros, of the family that it had. */
static void put_address_differing(struct nlmsghdr *message, uint16_t number, int family,
				  const struct ip_address *before, const struct ip_address *after)
{
	if (before->family == after->family && ip_address_equal(before, after))
		return;
	if (after->family == family)
		mnl_attr_put(message, number, ip_family_bytes(family), after->bytes);
	else if (before->family == family && !ip_address_is_set(after))
		mnl_attr_put(message, number, ip_family_bytes(family), after->bytes);
}

void attribute_put_differing(struct nlmsghdr *message, const struct attribute_table *table,
			     const void *before, const void *after)
{
	for (uint16_t number = 0; number < table->count; number++) {
		const struct attribute *row = &table->rows[number];
		const void *old = (const uint8_t *)before + row->offset;
		const void *new = (const uint8_t *)after + row->offset;

		if (row->type == ATTRIBUTE_IPV4)
			put_address_differing(message, number, AF_INET, old, new);
		else if (row->type == ATTRIBUTE_IPV6)
			put_address_differing(message, number, AF_INET6, old, new);
		else if (row->type >= ATTRIBUTE_U8 && row->type <= ATTRIBUTE_U32 &&
			 memcmp(old, new, row->size) != 0)
			mnl_attr_put(message, number, row->size, new);
	}
}
