#include <endian.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <string.h>

#include "netfilter-internal.h"
#include "netlink/attribute.h"

/* A list of elements is one attribute, whose length has 16 bits. */
#define LIST_MOST    (60u * 1024)
#define ELEMENT_MOST 512u /* bytes of one, at most */

/* ---- to the kernel ---- */

void netfilter_elements_begin(struct element_writer *writer, struct netfilter_batch *batch,
			      const char *table, const char *set, bool removes)
{
	*writer = (struct element_writer){.batch = batch,
					  .table = table,
					  .set = set,
					  .removes = removes};
}

static bool writer_message_begin(struct element_writer *writer)
{
	void *room = netfilter_batch_room(writer->batch, LIST_MOST + 1024);
	uint16_t type = writer->removes ? NFT_MSG_DELSETELEM : NFT_MSG_NEWSETELEM;

	if (!room)
		return false;
	writer->message = netfilter_header(room, NFNL_SUBSYS_NFTABLES, type, NFPROTO_INET,
					   writer->removes ? 0 : NLM_F_CREATE);
	mnl_attr_put_strz(writer->message, NFTA_SET_ELEM_LIST_TABLE, writer->table);
	mnl_attr_put_strz(writer->message, NFTA_SET_ELEM_LIST_SET, writer->set);
	writer->list = mnl_attr_nest_start(writer->message, NFTA_SET_ELEM_LIST_ELEMENTS);
	return true;
}

void netfilter_elements_end(struct element_writer *writer)
{
	if (!writer->message)
		return;
	mnl_attr_nest_end(writer->message, writer->list);
	netfilter_batch_end(writer->batch, writer->message);
	writer->message = NULL;
}

static void put_value(struct nlmsghdr *message, uint16_t number, const void *bytes, size_t size)
{
	struct nlattr *nest = mnl_attr_nest_start(message, number);

	mnl_attr_put(message, NFTA_DATA_VALUE, size, bytes);
	mnl_attr_nest_end(message, nest);
}

void netfilter_elements_put(struct element_writer *writer, const struct set_element *element)
{
	struct nlattr *nest;

	if (writer->message && writer->message->nlmsg_len > LIST_MOST - ELEMENT_MOST)
		netfilter_elements_end(writer);
	if (!writer->message && !writer_message_begin(writer))
		return;
	nest = mnl_attr_nest_start(writer->message, NFTA_LIST_ELEM);
	put_value(writer->message, NFTA_SET_ELEM_KEY, element->key, element->key_size);
	if (element->end_size)
		put_value(writer->message, NFTA_SET_ELEM_KEY_END, element->end, element->end_size);
	if (element->interval_end)
		mnl_attr_put_u32(writer->message, NFTA_SET_ELEM_FLAGS,
				 htonl(NFT_SET_ELEM_INTERVAL_END));
	if (!writer->removes) {
		if (element->data_size)
			put_value(writer->message, NFTA_SET_ELEM_DATA, element->data,
				  element->data_size);
		if (element->timeout)
			mnl_attr_put_u64(writer->message, NFTA_SET_ELEM_TIMEOUT,
					 htobe64(element->timeout));
		if (element->note_size)
			mnl_attr_put(writer->message, NFTA_SET_ELEM_USERDATA, element->note_size,
				     element->note);
	}
	mnl_attr_nest_end(writer->message, nest);
}

/* ---- from the kernel ---- */

static uint64_t number_of(struct cursor payload)
{
	uint64_t number = 0;

	if (payload.size == sizeof(number))
		memcpy(&number, payload.data, sizeof(number));
	return be64toh(number);
}

static int bytes_of(struct cursor payload, void *ret, size_t room, uint8_t *ret_size)
{
	if (payload.size > room)
		return -EMSGSIZE;
	memcpy(ret, payload.data, payload.size);
	*ret_size = (uint8_t)payload.size;
	return 0;
}

static int read_key(struct cursor payload, void *object)
{
	struct set_element *element = object;

	return bytes_of(payload, element->key, sizeof(element->key), &element->key_size);
}

static int read_end(struct cursor payload, void *object)
{
	struct set_element *element = object;

	return bytes_of(payload, element->end, sizeof(element->end), &element->end_size);
}

static int read_data(struct cursor payload, void *object)
{
	struct set_element *element = object;

	return bytes_of(payload, element->data, sizeof(element->data), &element->data_size);
}

/* What somebody else noted may be longer, and says nothing to us. */
static int read_note(struct cursor payload, void *object)
{
	struct set_element *element = object;

	if (payload.size <= sizeof(element->note))
		return bytes_of(payload, element->note, sizeof(element->note), &element->note_size);
	return 0;
}

static int read_flags(struct cursor payload, void *object)
{
	struct set_element *element = object;

	element->interval_end = cursor_u32(&payload) & NFT_SET_ELEM_INTERVAL_END;
	return 0;
}

#define NUMBER_READER(name, member)                                                                \
	static int name(struct cursor payload, void *object)                                       \
	{                                                                                          \
		((struct set_element *)object)->member = number_of(payload);                       \
		return 0;                                                                          \
	}

NUMBER_READER(read_timeout, timeout)
NUMBER_READER(read_expiration, expires)
NUMBER_READER(read_bytes, bytes)
NUMBER_READER(read_packets, packets)

/* Of an expression of an element: its counter. */
struct expression {
	struct set_element *element;
	char name[16];
};

static const struct attribute counter_rows[] = {
	[NFTA_COUNTER_BYTES] = ATTRIBUTE_CALLED(read_bytes),
	[NFTA_COUNTER_PACKETS] = ATTRIBUTE_CALLED(read_packets),
};
static const struct attribute_table counter_table = ATTRIBUTE_TABLE(counter_rows);
static int read_expression_data(struct cursor payload, void *object)
{
	struct expression *expression = object;

	if (strcmp(expression->name, "counter") != 0)
		return 0;
	return attribute_read(payload, &counter_table, expression->element);
}

static int read_expression(struct cursor payload, void *object)
{
	static const struct attribute rows[] = {
		[NFTA_EXPR_NAME] = ATTRIBUTE(TEXT, struct expression, name),
		[NFTA_EXPR_DATA] = ATTRIBUTE_CALLED(read_expression_data),
	};
	static const struct attribute_table table = ATTRIBUTE_TABLE(rows);
	struct expression expression = {.element = object};

	return attribute_read(payload, &table, &expression);
}

static const struct attribute expression_list_rows[] = {
	[NFTA_LIST_ELEM] = ATTRIBUTE_CALLED(read_expression),
};
static const struct attribute_table expression_list_table = ATTRIBUTE_TABLE(expression_list_rows);

#define VALUE_TABLE(name, reader)                                                                  \
	static const struct attribute name##_rows[] = {                                            \
		[NFTA_DATA_VALUE] = ATTRIBUTE_CALLED(reader),                                      \
	};                                                                                         \
	static const struct attribute_table name = ATTRIBUTE_TABLE(name##_rows)

VALUE_TABLE(key_table, read_key);
VALUE_TABLE(end_table, read_end);
VALUE_TABLE(data_table, read_data);

static const struct attribute element_rows[] = {
	[NFTA_SET_ELEM_KEY] = ATTRIBUTE_NESTED(&key_table),
	[NFTA_SET_ELEM_DATA] = ATTRIBUTE_NESTED(&data_table),
	[NFTA_SET_ELEM_FLAGS] = ATTRIBUTE_CALLED(read_flags),
	[NFTA_SET_ELEM_TIMEOUT] = ATTRIBUTE_CALLED(read_timeout),
	[NFTA_SET_ELEM_EXPIRATION] = ATTRIBUTE_CALLED(read_expiration),
	[NFTA_SET_ELEM_USERDATA] = ATTRIBUTE_CALLED(read_note),
	[NFTA_SET_ELEM_EXPR] = ATTRIBUTE_CALLED(read_expression),
	[NFTA_SET_ELEM_KEY_END] = ATTRIBUTE_NESTED(&end_table),
	[NFTA_SET_ELEM_EXPRESSIONS] = ATTRIBUTE_NESTED(&expression_list_table),
};
static const struct attribute_table element_table = ATTRIBUTE_TABLE(element_rows);

struct reading {
	int (*receive)(const struct set_element *element, void *userdata);
	void *userdata;
	int result;
};

static int read_element(struct cursor payload, void *object)
{
	struct set_element element = {0};
	struct reading *reading = object;
	int r = attribute_read(payload, &element_table, &element);

	if (r >= 0 && !reading->result)
		reading->result = reading->receive(&element, reading->userdata);
	return r;
}

static int read_message(const struct nlmsghdr *message, void *userdata)
{
	static const struct attribute list_rows[] = {
		[NFTA_LIST_ELEM] = ATTRIBUTE_CALLED(read_element),
	};
	static const struct attribute_table list_table = ATTRIBUTE_TABLE(list_rows);
	static const struct attribute rows[] = {
		[NFTA_SET_ELEM_LIST_ELEMENTS] = ATTRIBUTE_NESTED(&list_table),
	};
	static const struct attribute_table table = ATTRIBUTE_TABLE(rows);
	struct reading *reading = userdata;
	int r = attribute_read(netfilter_attributes(message), &table, reading);

	return r < 0 ? r : reading->result;
}

int netfilter_each_element_of(struct netfilter *netfilter, uint8_t family, const char *table,
			      const char *set,
			      int (*receive)(const struct set_element *element, void *userdata),
			      void *userdata)
{
	_Alignas(struct nlmsghdr) char buffer[512];
	struct reading reading = {.receive = receive, .userdata = userdata};
	struct nlmsghdr *message = netfilter_header(buffer, NFNL_SUBSYS_NFTABLES,
						    NFT_MSG_GETSETELEM, family, NLM_F_DUMP);

	mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_TABLE, table);
	mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_SET, set);
	return netlink_query(netfilter_socket(netfilter), message, read_message, &reading);
}

int netfilter_each_element(struct netfilter *netfilter, const char *table, const char *set,
			   int (*receive)(const struct set_element *element, void *userdata),
			   void *userdata)
{
	return netfilter_each_element_of(netfilter, NFPROTO_INET, table, set, receive, userdata);
}

static int take_element(const struct set_element *element, void *userdata)
{
	*(struct set_element *)userdata = *element;
	return 1;
}

int netfilter_get_element(struct netfilter *netfilter, const char *table, const char *set,
			  const struct set_element *key, struct set_element *ret)
{
	_Alignas(struct nlmsghdr) char buffer[512];
	struct reading reading = {.receive = take_element, .userdata = ret};
	struct nlmsghdr *message =
		netfilter_header(buffer, NFNL_SUBSYS_NFTABLES, NFT_MSG_GETSETELEM, NFPROTO_INET, 0);
	struct nlattr *list, *element;
	int r;

	mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_TABLE, table);
	mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_SET, set);
	list = mnl_attr_nest_start(message, NFTA_SET_ELEM_LIST_ELEMENTS);
	element = mnl_attr_nest_start(message, NFTA_LIST_ELEM);
	put_value(message, NFTA_SET_ELEM_KEY, key->key, key->key_size);
	if (key->end_size)
		put_value(message, NFTA_SET_ELEM_KEY_END, key->end, key->end_size);
	mnl_attr_nest_end(message, element);
	mnl_attr_nest_end(message, list);
	r = netlink_query(netfilter_socket(netfilter), message, read_message, &reading);
	return r == -ENOENT ? 0 : r < 0 ? r : 1;
}
