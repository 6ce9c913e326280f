#include "catalog.h"

#include <stdio.h>
#include <string.h>

#include "common.h"
#include "probe.h"

#define TOOLS_PER_PAGE 50
#define CURSOR_MAX     32

const struct tool_set *const all_tools[] = {
	&status_tools,
	&interface_tools,
	&configure_tools,
	&route_tools,
	&route_change_tools,
	&neighbour_tools,
	&explain_tools,
	&transaction_tools,
	&ping_tools,
	&lookup_tools,
	&port_tools,
	&traceroute_tools,
	&http_tools,
	&connection_tools,
	&bandwidth_tools,
	&event_tools,
	&adopt_tools,
	&import_tools,
	&layout_tools,
	&export_tools,
	&suggest_tools,
	&guard_tools,
	&firewall_tools,
	&firewall_rule_tools,
	&firewall_explain_tools,
	NULL,
};

struct page {
	struct text_buffer text;
	char next[CURSOR_MAX]; /* "" on the last */
};

struct catalog {
	struct page *pages;
	size_t count;
};

static json_t *annotations_json(const struct tool *tool)
{
	return json_pack("{ss sb sb sb sb}", "title", tool->title, "readOnlyHint",
			 tool->hints & HINT_READ_ONLY ? 1 : 0, "destructiveHint",
			 tool->hints & HINT_DESTRUCTIVE ? 1 : 0, "idempotentHint",
			 tool->hints & HINT_IDEMPOTENT ? 1 : 0, "openWorldHint",
			 tool->hints & HINT_OPEN_WORLD ? 1 : 0);
}

/* What MCP has no place for: units and types beyond JSON's, per parameter. */
static json_t *parameters_json(const struct tool *tool)
{
	const struct field_tables tables = tool_parameters(tool);
	_cleanup_json_ json_t *parameters = json_object();
	const struct field *field;

	for (size_t i = 0; (field = field_tables_at(&tables, i)); i++)
		if (json_put(parameters, field->name,
			     json_pack("{ss ss* sb}", "type", field_type_text(field->type), "unit",
				       field->unit, "secret", field->secret)) < 0)
			return NULL;
	return TAKE_PTR(parameters);
}

static json_t *meta_json(const struct tool *tool)
{
	return json_pack("{ss ss sI sb sb so}", "aiosnet/role", tool_role_text(tool->role),
			 "aiosnet/risk", tool_risk_text(tool->risk), "aiosnet/timeLimitMs",
			 (json_int_t)tool->time_limit, "aiosnet/undoable", tool->undoable,
			 "aiosnet/plannable", tool->propose ? 1 : 0, "aiosnet/parameters",
			 parameters_json(tool));
}

json_t *catalog_describe(const struct tool *tool)
{
	const struct field_tables parameters = tool_parameters(tool), output = tool_output(tool);
	_cleanup_json_ json_t *json = json_object();
	int r = json_put(json, "name", json_string(tool->name)) |
		json_put(json, "title", json_string(tool->title)) |
		json_put(json, "description", json_string(tool->description)) |
		json_put(json, "inputSchema", fields_schema(&parameters, false)) |
		json_put(json, "outputSchema", fields_schema(&output, true)) |
		json_put(json, "annotations", annotations_json(tool)) |
		json_put(json, "_meta", meta_json(tool));

	return r < 0 ? NULL : TAKE_PTR(json);
}

static int page_build(struct page *page, const struct dispatcher *dispatcher, size_t first)
{
	size_t end = first + TOOLS_PER_PAGE;
	const struct tool *tool;

	text_buffer_put(&page->text, "[");
	for (size_t i = first; i < end && (tool = dispatcher_tool_at(dispatcher, i)); i++) {
		_cleanup_json_ json_t *json = catalog_describe(tool);

		text_buffer_put(&page->text, i > first ? "," : "");
		text_buffer_json(&page->text, json);
	}
	text_buffer_put(&page->text, "]");
	if (dispatcher_tool_at(dispatcher, end))
		snprintf(page->next, sizeof(page->next), "page-%zu", end / TOOLS_PER_PAGE);
	return text_buffer_ok(&page->text) ? 0 : -ENOMEM;
}

int catalog_new(struct catalog **ret, const struct dispatcher *dispatcher)
{
	_cleanup_(catalog_cleanup) struct catalog *catalog = calloc(1, sizeof(*catalog));
	size_t tools = 0;
	int r;

	if (!catalog)
		return -ENOMEM;
	while (dispatcher_tool_at(dispatcher, tools))
		tools++;
	catalog->count = MAX((tools + TOOLS_PER_PAGE - 1) / TOOLS_PER_PAGE, (size_t)1);
	catalog->pages = calloc(catalog->count, sizeof(*catalog->pages));
	if (!catalog->pages)
		return -ENOMEM;
	for (size_t i = 0; i < catalog->count; i++) {
		r = page_build(&catalog->pages[i], dispatcher, i * TOOLS_PER_PAGE);
		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(catalog);
	return 0;
}

void catalog_free(struct catalog *catalog)
{
	for (size_t i = 0; catalog->pages && i < catalog->count; i++)
		text_buffer_clear(&catalog->pages[i].text);
	free(catalog->pages);
	free(catalog);
}

int catalog_page(const struct catalog *catalog, const char *cursor, struct mcp_page *ret)
{
	size_t index = 0;

	/* A cursor is what the page before named, to the letter. */
	while (cursor && index < catalog->count && strcmp(catalog->pages[index].next, cursor) != 0)
		index++;
	index += cursor ? 1 : 0;
	if (index >= catalog->count || (cursor && !*cursor))
		return -EINVAL;
	*ret = (struct mcp_page){
		.text = catalog->pages[index].text.data,
		.length = catalog->pages[index].text.length,
		.next = catalog->pages[index].next[0] ? catalog->pages[index].next : NULL,
	};
	return 0;
}
