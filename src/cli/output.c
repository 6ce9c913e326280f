#include "output.h"

#include <langinfo.h>
#include <limits.h>
#include <locale.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <wchar.h>

static const char *const style_sequences[_STYLE_MAX] = {
	[STYLE_PLAIN] = "",	     [STYLE_BOLD] = "\033[1m", [STYLE_DIM] = "\033[2m",
	[STYLE_GOOD] = "\033[32m",   [STYLE_BAD] = "\033[31m", [STYLE_WARN] = "\033[33m",
	[STYLE_ACCENT] = "\033[36m",
};

static bool locale_is_utf8(void)
{
	setlocale(LC_CTYPE, "");
	if (strcmp(nl_langinfo(CODESET), "UTF-8") == 0)
		return true;
	/* wcwidth() answers for ASCII only without it. */
	setlocale(LC_CTYPE, "C.UTF-8");
	return false;
}

void output_init(struct output *output, FILE *stream, bool no_color)
{
	const char *terminal_type = getenv("TERM");
	const char *forbidden = getenv("NO_COLOR");
	bool utf8 = locale_is_utf8();

	*output = (struct output){.stream = stream, .terminal = isatty(fileno(stream))};
	output->unicode = utf8 || !output->terminal;
	output->color = output->terminal && !no_color && !(forbidden && forbidden[0]) &&
			!(terminal_type && strcmp(terminal_type, "dumb") == 0);
	output_measure(output);
}

void output_measure(struct output *output)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;
	char *end;
	unsigned long value;

	output->width = 0;
	if (output->terminal && ioctl(fileno(output->stream), TIOCGWINSZ, &size) == 0)
		output->width = size.ws_col;
	if (output->width == 0 && columns) {
		value = strtoul(columns, &end, 10);
		if (*end == '\0' && value >= 20 && value <= 10000)
			output->width = (unsigned)value;
	}
	if (output->width == 0 && output->terminal)
		output->width = 80;
}

/* Characters without width that change how others are shown: line and paragraph separators,
 * direction overrides, invisible joiners. */
static bool is_deceptive(uint32_t code)
{
	return (code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
	       (code >= 0x2060 && code <= 0x206f) || code == 0xfeff || code == 0x061c;
}

/* One character: the bytes that it takes, and its columns, or -1 when it must not be printed. */
static size_t text_character(const char *text, int *columns)
{
	const unsigned char *in = (const unsigned char *)text;
	size_t length = in[0] < 0x80 ? 1 : in[0] >> 5 == 6 ? 2 : in[0] >> 4 == 14 ? 3 : 4;
	uint32_t code = length == 1 ? in[0] : in[0] & (0xffU >> (length + 1));

	*columns = -1;
	if (in[0] >= 0x80 && (in[0] < 0xc2 || in[0] > 0xf4))
		return 1;
	for (size_t i = 1; i < length; i++) {
		if ((in[i] & 0xc0) != 0x80)
			return i;
		code = code << 6 | (in[i] & 0x3f);
	}
	if (code >= 0x20 && code != 0x7f && !is_deceptive(code))
		*columns = wcwidth((wchar_t)code);
	return length;
}

unsigned text_width(const char *text)
{
	unsigned width = 0;
	int columns;

	while (*text) {
		text += text_character(text, &columns);
		width += columns < 0 ? 1 : (unsigned)columns;
	}
	return width;
}

static void output_bytes(const struct output *output, const char *text, size_t length)
{
	const char *end = text + length;
	int columns;

	while (text < end) {
		size_t n = text_character(text, &columns);

		if (columns < 0 || (n > 1 && !output->unicode))
			fputs(output->unicode ? "\xef\xbf\xbd" : "?", output->stream);
		else
			fwrite(text, 1, n, output->stream);
		text += n;
	}
}

static void output_styled(const struct output *output, enum style style, const char *text,
			  size_t length)
{
	bool color = output->color && style != STYLE_PLAIN && length > 0;

	if (color)
		fputs(style_sequences[style], output->stream);
	output_bytes(output, text, length);
	if (color)
		fputs("\033[0m", output->stream);
}

void output_text(const struct output *output, enum style style, const char *text)
{
	output_styled(output, style, text, strlen(text));
}

void output_printf(const struct output *output, enum style style, const char *format, ...)
{
	_cleanup_(cleanup_free) char *text = NULL;
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (n < 0)
		text = NULL;
	else
		output_text(output, style, text);
}

void output_spaces(const struct output *output, unsigned count)
{
	fprintf(output->stream, "%*s", (int)count, "");
}

void output_newline(const struct output *output)
{
	fputc('\n', output->stream);
}

/* Bytes of the beginning of `text` that take at most `columns`. */
static size_t text_fit(const char *text, unsigned columns, unsigned *ret_width)
{
	size_t length = 0;
	unsigned width = 0;

	while (text[length]) {
		int wanted;
		size_t n = text_character(text + length, &wanted);
		unsigned add = wanted < 0 ? 1 : (unsigned)wanted;

		if (width + add > columns)
			break;
		width += add;
		length += n;
	}
	*ret_width = width;
	return length;
}

void output_cell(const struct output *output, enum style style, const char *text, unsigned columns,
		 bool right)
{
	unsigned width;
	size_t length = text_fit(text, columns, &width);
	bool cut = text[length] != '\0' && columns > 1;

	if (cut)
		length = text_fit(text, columns - 1, &width);
	if (right)
		output_spaces(output, columns - width - cut);
	output_styled(output, style, text, length);
	if (cut)
		fputs(output->unicode ? "\xe2\x80\xa6" : "~", output->stream);
	if (!right)
		output_spaces(output, columns - width - cut);
}

void output_wrapped(const struct output *output, enum style style, const char *text,
		    unsigned indent)
{
	unsigned room = output->width > indent + 10 ? output->width - indent : 0;

	while (room && text_width(text) > room) {
		unsigned width;
		size_t length = text_fit(text, room, &width), space = length;

		while (space > 0 && text[space] != ' ')
			space--;
		if (space > 0)
			length = space;
		output_styled(output, style, text, length);
		output_newline(output);
		output_spaces(output, indent);
		text += length;
		text += strspn(text, " ");
	}
	output_text(output, style, text);
}

unsigned text_distance(const char *a, const char *b)
{
	unsigned row[64];
	size_t length = strlen(b);

	if (length >= ARRAY_SIZE(row) || strlen(a) >= ARRAY_SIZE(row))
		return UINT_MAX;
	for (size_t j = 0; j <= length; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; a[i - 1]; i++) {
		unsigned diagonal = row[0];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= length; j++) {
			unsigned replaced = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			row[j] = MIN(replaced, MIN(row[j], row[j - 1]) + 1);
		}
	}
	return row[length];
}
