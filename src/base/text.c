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
