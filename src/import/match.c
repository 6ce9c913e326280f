/* Which of the host's links a file speaks of. */
#include <fnmatch.h>
#include <string.h>

#include "internal.h"

bool has_pattern(const char *name)
{
	return strpbrk(name, "*?[") != NULL;
}

bool pattern_list_fits(const char *patterns, const char *text)
{
	bool inverted = patterns[0] == '!';
	char pattern[WORD_MAX];

	patterns += inverted;
	while (next_word(&patterns, " \t;", pattern))
		if (fnmatch(pattern, text, 0) == 0)
			return !inverted;
	return inverted;
}

bool mac_list_fits(const char *macs, const char *mac)
{
	struct hardware_address wanted, own;
	char word[WORD_MAX];

	if (!mac[0] || hardware_address_parse(mac, &own, NULL, NULL) < 0)
		return false;
	while (next_word(&macs, " \t;,", word)) {
		for (char *c = word; *c; c++)
			if (*c == '-')
				*c = ':';
		if (hardware_address_parse(word, &wanted, NULL, NULL) == 0 &&
		    hardware_address_equal(&wanted, &own))
			return true;
	}
	return false;
}
