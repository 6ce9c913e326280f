#include "dns_name.h"

#include <ctype.h>
#include <stdio.h>

#define NAME_OCTETS_MAX 255
#define LABEL_MAX	63

/* One character of a label, with the escapes \X and \DDD. Returns how much text it took, or 0. */
static size_t label_character(const char *text, uint8_t *ret)
{
	if (text[0] != '\\') {
		*ret = (uint8_t)text[0];
		return 1;
	}
	if (isdigit((unsigned char)text[1]) && isdigit((unsigned char)text[2]) &&
	    isdigit((unsigned char)text[3])) {
		int value = (text[1] - '0') * 100 + (text[2] - '0') * 10 + (text[3] - '0');

		*ret = (uint8_t)value;
		return value <= 255 ? 4 : 0;
	}
	*ret = (uint8_t)text[1];
	return text[1] && !isdigit((unsigned char)text[1]) ? 2 : 0;
}

/* Reads one label up to its dot or the end. Returns how much text it took, or 0. */
static size_t label_read(const char *text, uint8_t label[LABEL_MAX], size_t *ret_length)
{
	size_t taken = 0, length = 0;

	while (text[taken] && text[taken] != '.') {
		size_t n;

		if (length == LABEL_MAX)
			return 0;
		n = label_character(text + taken, &label[length++]);
		if (n == 0)
			return 0;
		taken += n;
	}
	*ret_length = length;
	return taken;
}

int dns_name_write(struct writer *writer, const char *text)
{
	size_t start = writer->offset;

	if (strcmp(text, ".") == 0)
		text++;
	else if (!text[0])
		return -EINVAL;

	while (*text) {
		uint8_t label[LABEL_MAX];
		size_t length, taken = label_read(text, label, &length);

		if (taken == 0)
			return -EINVAL;
		writer_u8(writer, (uint8_t)length);
		writer_put(writer, label, length);
		text += taken;
		if (*text == '.')
			text++;
	}
	writer_u8(writer, 0);

	return writer_ok(writer) && writer->offset - start <= NAME_OCTETS_MAX ? 0 : -EINVAL;
}

/* Appends a label and its dot in presentation form; what is not plain is escaped. */
static char *label_print(char *text, const uint8_t *label, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		uint8_t c = label[i];

		if (c <= ' ' || c >= 0x7f)
			text += sprintf(text, "\\%03u", c);
		else if (strchr(".\\\"();@$", c))
			text += sprintf(text, "\\%c", c);
		else
			*text++ = (char)c;
	}
	*text++ = '.';
	return text;
}

/*
 * Each pointer must point before the place where the present run of labels began: then the name
 * ends however the message is made.
 */
int dns_name_read(struct cursor *cursor, char *text)
{
	struct cursor run = *cursor;
	size_t limit = cursor->offset, octets = 0;
	bool jumped = false;
	char *end = text;

	for (;;) {
		uint8_t length = cursor_u8(&run);

		if (length >= 0xc0) {
			size_t target = (size_t)(length & 0x3f) << 8 | cursor_u8(&run);

			if (!cursor_ok(&run) || target >= limit)
				break;
			if (!jumped)
				cursor->offset = run.offset;
			jumped = true;
			run.offset = limit = target;
			continue;
		}
		if (length > LABEL_MAX)
			break;
		octets += length + 1u;
		const uint8_t *label = cursor_bytes(&run, length);

		if (!cursor_ok(&run) || octets > NAME_OCTETS_MAX)
			break;
		if (length) {
			if (text)
				end = label_print(end, label, length);
			continue;
		}
		if (!jumped)
			cursor->offset = run.offset;
		if (text) {
			if (end == text)
				*end++ = '.';
			*end = '\0';
		}
		return 0;
	}

	cursor->failed = true;
	return -EBADMSG;
}

void dns_name_skip(struct cursor *cursor)
{
	(void)dns_name_read(cursor, NULL);
}
