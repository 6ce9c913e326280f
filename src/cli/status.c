#include "status.h"

#include <string.h>

#include "when.h"

#define CHANGES_SHOWN 8
#define LABEL_WIDTH   8
#define NARROW	      80 /* columns; below, kinds are left out and addresses have own lines */

/* How the words for a state are painted, whatever it is the state of. */
static const struct {
	const char *word;
	enum style style;
} word_styles[] = {
	{"online", STYLE_GOOD},	   {"yes", STYLE_GOOD},	       {"up", STYLE_GOOD},
	{"committed", STYLE_GOOD}, {"partial", STYLE_WARN},    {"pending", STYLE_WARN},
	{"unknown", STYLE_DIM},	   {"offline", STYLE_BAD},     {"no", STYLE_BAD},
	{"no carrier", STYLE_BAD}, {"rolled_back", STYLE_BAD}, {"down", STYLE_DIM},
	{"undone", STYLE_DIM},	   {"foreign", STYLE_DIM},     {"ignored", STYLE_DIM},
};

static enum style style_of(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(word_styles); i++)
		if (strcmp(word_styles[i].word, word) == 0)
			return word_styles[i].style;
	return STYLE_PLAIN;
}

/* ---- reading ---- */

/* All texts of a list, with commas; malloc()ed. */
static char *join_texts(const json_t *list)
{
	char *text = NULL;
	const json_t *each;
	size_t size, i;
	FILE *stream = open_memstream(&text, &size);

	if (!stream)
		return NULL;
	json_array_foreach(list, i, each)
		fprintf(stream, "%s%s", i ? ", " : "", json_string_value(each) ?: "-");
	if (fclose(stream) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

static const char *bullet(const struct output *output, bool full)
{
	if (!output->unicode)
		return full ? "*" : "o";
	return full ? "\xe2\x97\x8f" : "\xe2\x97\x8b";
}

static bool is_narrow(const struct output *output)
{
	return output->width && output->width < NARROW;
}

static void print_label(const struct output *output, const char *label)
{
	output_spaces(output, 2);
	output_cell(output, STYLE_DIM, label, LABEL_WIDTH, false);
}

static void print_labelled(const struct output *output, const char *label, const char *text,
			   enum style style)
{
	if (!text || !text[0])
		return;
	print_label(output, label);
	output_wrapped(output, style, text, 2 + LABEL_WIDTH);
	output_newline(output);
}

/* ---- online or not ---- */

static const char *online_word(const char *state)
{
	if (strcmp(state, "yes") == 0)
		return "online";
	if (strcmp(state, "no") == 0)
		return "offline";
	return state[0] ? state : "unknown";
}

/* "since 12:03:01.250 (2 h 5 min)" */
static void print_since(const struct output *output, usec_t since, usec_t now)
{
	char time[40], span[40];

	if (!since)
		return;
	output_printf(output, STYLE_DIM, "  since %s", when_print(since, now, time, sizeof(time)));
	if (!is_narrow(output))
		output_printf(output, STYLE_DIM, " (%s)",
			      when_print_span(usec_sub(now, since), span, sizeof(span)));
}

static void print_online(const struct output *output, const json_t *status, usec_t now)
{
	const json_t *online = json_object_get(status, "online");
	const char *word = online_word(json_member_text(online, "state") ?: "");
	const json_t *first = json_object_get(status, "online_after");
	enum style style = style_of(word);
	char span[40];

	output_text(output, style, bullet(output, strcmp(word, "online") == 0));
	output_spaces(output, 1);
	output_text(output, output->color ? style : STYLE_BOLD, word);
	print_since(output, when_parse(json_object_get(online, "since")), now);
	if (json_is_number(first) && json_number_value(first) > 0) {
		when_print_span((usec_t)(json_number_value(first) * 1000), span, sizeof(span));
		output_text(output, STYLE_DIM, is_narrow(output) ? "" : ",");
		if (is_narrow(output))
			output_newline(output);
		output_printf(output, STYLE_DIM, "%s first %s after the start",
			      is_narrow(output) ? " " : "", span);
	}
	output_newline(output);
	print_labelled(output, "trouble", json_member_text(online, "detail"), STYLE_WARN);
	if (json_is_false(json_object_get(status, "synchronised")))
		print_labelled(output, "state", "the kernel's state is read anew", STYLE_WARN);
}

/* ---- uplink and DNS ---- */

/* The uplink in use, or NULL for none. */
static const json_t *uplink_in_use(const json_t *status)
{
	const json_t *uplinks = json_object_get(status, "uplinks"), *uplink;
	size_t i;

	json_array_foreach(uplinks, i, uplink)
		if (json_member_true(uplink, "in_use"))
			return uplink;
	return NULL;
}

static void print_uplink(const struct output *output, const json_t *status)
{
	const json_t *uplink = uplink_in_use(status);
	const char *gateway = json_member_text(uplink, "gateway");
	const char *link = json_member_text(uplink, "link");

	if (!link) {
		print_labelled(output, "uplink", "none", STYLE_BAD);
		return;
	}
	print_label(output, "uplink");
	output_text(output, STYLE_BOLD, link);
	if (gateway)
		output_printf(output, STYLE_PLAIN, " via %s", gateway);
	output_newline(output);
}

static void print_dns(const struct output *output, const json_t *status)
{
	const json_t *list = json_object_get(status, "dns");
	_cleanup_(cleanup_free) char *servers = join_texts(list);

	if (json_array_size(list) == 0)
		print_labelled(output, "dns", "none", STYLE_WARN);
	else
		print_labelled(output, "dns", servers, STYLE_PLAIN);
}

/* ---- links ---- */

enum link_cell { CELL_NAME, CELL_KIND, CELL_STATE, CELL_METHOD, CELL_PART, LINK_CELLS };

struct link_row {
	const char *cells[LINK_CELLS]; /* borrowed */
	char *addresses;
	const char *trouble;
	bool carrier;
};

/* What the link is for the way out: "uplink", "standby", or "". */
static const char *link_part(const json_t *status, const char *name)
{
	const json_t *uplink;
	const char *part = "";
	size_t i;

	json_array_foreach(json_object_get(status, "uplinks"), i, uplink) {
		if (strcmp(json_member_text(uplink, "link") ?: "", name) != 0)
			continue;
		if (json_member_true(uplink, "in_use"))
			return "uplink";
		part = "standby";
	}
	return part;
}

static void link_row_read(struct link_row *row, const json_t *status, const json_t *link)
{
	const char *name = json_member_text(link, "name") ?: "?";
	const char *ownership = json_member_text(link, "ownership") ?: "ours";

	*row = (struct link_row){
		.cells = {[CELL_NAME] = name,
			  [CELL_KIND] = json_member_text(link, "kind") ?: "",
			  [CELL_STATE] = json_member_text(link, "state") ?: "",
			  [CELL_METHOD] = strcmp(ownership, "ours") == 0
						  ? json_member_text(link, "method") ?: ""
						  : ownership,
			  [CELL_PART] = link_part(status, name)},
		.addresses = join_texts(json_object_get(link, "addresses")),
		.trouble = json_member_text(link, "trouble") ?: "",
	};
	row->carrier = strcmp(row->cells[CELL_STATE], "up") == 0;
}

static void print_below(const struct output *output, enum style style, const char *text)
{
	if (!text || !text[0])
		return;
	output_spaces(output, 4);
	output_wrapped(output, style, text, 4);
	output_newline(output);
}

/* What is printed of a link's first line: the last cell that says something. */
static size_t last_cell(const struct link_row *row)
{
	size_t last = LINK_CELLS - 1;

	while (last > 0 && !row->cells[last][0])
		last--;
	return last;
}

static enum style cell_style(const struct link_row *row, size_t cell)
{
	return cell == CELL_NAME   ? STYLE_BOLD
	       : cell == CELL_PART ? STYLE_ACCENT
				   : style_of(row->cells[cell]);
}

static void print_link(const struct output *output, const struct link_row *row,
		       const unsigned widths[LINK_CELLS])
{
	bool beside = row->addresses && row->addresses[0] && !is_narrow(output);
	size_t last = beside ? LINK_CELLS - 1 : last_cell(row);
	unsigned indent = 2;

	output_text(output, style_of(row->cells[CELL_STATE]), bullet(output, row->carrier));
	output_spaces(output, 1);
	for (size_t c = 0; c <= last; c++) {
		if (widths[c] == 0)
			continue;
		if (c == last && !beside) {
			output_text(output, cell_style(row, c), row->cells[c]);
			break;
		}
		output_cell(output, cell_style(row, c), row->cells[c], widths[c], false);
		output_spaces(output, 2);
		indent += widths[c] + 2;
	}
	if (beside)
		output_wrapped(output, STYLE_PLAIN, row->addresses, indent);
	output_newline(output);
	if (!beside)
		print_below(output, STYLE_PLAIN, row->addresses);
	print_below(output, STYLE_WARN, row->trouble);
}

static void print_links(const struct output *output, const json_t *status)
{
	const json_t *links = json_object_get(status, "links");
	size_t count = json_array_size(links);
	struct link_row *rows = calloc(count + 1, sizeof(*rows));
	unsigned widths[LINK_CELLS] = {0};

	if (!rows || count == 0) {
		free(rows);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		link_row_read(&rows[i], status, json_array_get(links, i));
		for (size_t c = 0; c < LINK_CELLS; c++)
			widths[c] = MAX(widths[c], text_width(rows[i].cells[c]));
	}
	if (is_narrow(output))
		widths[CELL_KIND] = 0;
	output_newline(output);
	output_text(output, STYLE_BOLD, "LINKS");
	output_newline(output);
	for (size_t i = 0; i < count; i++) {
		print_link(output, &rows[i], widths);
		free(rows[i].addresses);
	}
	free(rows);
}

/* ---- last changes ---- */

static void print_change(const struct output *output, const json_t *change, usec_t now)
{
	const char *state = json_member_text(change, "state") ?: "";
	const char *reason = json_member_text(change, "reason") ?: "";
	usec_t time = when_parse(json_object_get(change, "time"));
	json_int_t number = json_member_integer(change, "number", 0);
	bool as_planned = !state[0] || strcmp(state, "committed") == 0;
	char buffer[40] = "";
	char what[120], why[400];

	if (!as_planned)
		reason = json_member_text(change, "words") ?: reason;
	if (time)
		when_print(time, now, buffer, sizeof(buffer));
	snprintf(what, sizeof(what), "#%" JSON_INTEGER_FORMAT " %s", number,
		 json_member_text(change, "tool") ?: "");
	output_spaces(output, 2);
	output_cell(output, STYLE_DIM, buffer, 12, false);
	output_spaces(output, 2);
	output_cell(output, STYLE_ACCENT, what, 20, false);
	output_spaces(output, 2);
	if (is_narrow(output)) {
		output_newline(output);
		output_spaces(output, 4);
	}
	if (as_planned)
		snprintf(why, sizeof(why), "%s", reason);
	else
		snprintf(why, sizeof(why), "%s: %s", state, reason);
	output_wrapped(output, as_planned ? STYLE_PLAIN : style_of(state), why,
		       is_narrow(output) ? 4 : 38);
	output_newline(output);
}

static void print_changes(const struct output *output, const json_t *status, usec_t now)
{
	const json_t *changes = json_object_get(status, "changes");
	size_t count = json_array_size(changes);

	if (count == 0)
		return;
	output_newline(output);
	output_text(output, STYLE_BOLD, "LAST CHANGES");
	output_newline(output);
	for (size_t i = 0; i < MIN(count, (size_t)CHANGES_SHOWN); i++)
		print_change(output, json_array_get(changes, i), now);
}

/* ---- who else is here ---- */

static void print_managers(const struct output *output, const json_t *status)
{
	const json_t *manager;
	size_t i;

	json_array_foreach(json_object_get(status, "managers"), i, manager) {
		char text[500];

		snprintf(text, sizeof(text),
			 "%s runs too, and its links are left alone; stop it with: %s",
			 json_member_text(manager, "name") ?: "",
			 json_member_text(manager, "command") ?: "");
		print_labelled(output, "manager", text, STYLE_WARN);
		print_labelled(output, "note", json_member_text(manager, "note"), STYLE_WARN);
	}
}

/* ---- what does not stand ---- */

static void print_troubles(const struct output *output, const json_t *status)
{
	const json_t *troubles = json_object_get(status, "troubles"), *trouble;
	size_t i;

	if (json_array_size(troubles) == 0)
		return;
	output_newline(output);
	output_text(output, STYLE_BOLD, "TROUBLES");
	output_newline(output);
	json_array_foreach(troubles, i, trouble) {
		json_int_t attempts = json_member_integer(trouble, "attempts", 0);
		char text[500];

		snprintf(text, sizeof(text), "%s: %s", json_member_text(trouble, "resource") ?: "",
			 json_member_text(trouble, "trouble") ?: "");
		output_spaces(output, 2);
		output_wrapped(output, STYLE_WARN, text, 2);
		if (attempts > 1)
			output_printf(output, STYLE_DIM, " (%" JSON_INTEGER_FORMAT " times)",
				      attempts);
		output_newline(output);
	}
}

void status_print(const struct output *output, const json_t *status, usec_t now)
{
	print_online(output, status, now);
	print_uplink(output, status);
	print_dns(output, status);
	print_links(output, status);
	print_managers(output, status);
	print_troubles(output, status);
	print_changes(output, status, now);
}
