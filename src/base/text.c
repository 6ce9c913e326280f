#include "text.h"

#include <string.h>

bool text_copy(char *buffer, size_t size, const char *text)
{
	size_t length = text ? strlen(text) : 0;
	bool whole = length < size;

	if (!whole) {
		length = size - 1;
		while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80)
			length--;
	}
	if (length)
		memcpy(buffer, text, length);
	buffer[length] = '\0';
	return whole;
}

const char *text_list_at(const char *list, unsigned index)
{
	while (index-- > 0)
		list += strlen(list) + 1;
	return list;
}

bool text_list_add(char *list, size_t size, unsigned *count, const char *text)
{
	size_t used = (size_t)(text_list_at(list, *count) - list), more = strlen(text) + 1;

	if (more > size - used)
		return false;
	memcpy(list + used, text, more);
	(*count)++;
	return true;
}
