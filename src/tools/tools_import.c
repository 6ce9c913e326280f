/* net.import, net.import_apply: what another network manager was told, as a layout. */
#include <stdio.h>
#include <string.h>

#include "common.h"
#include "import/import.h"
#include "layout_schema.h"

#define NAME_MOST 4096

static const struct field file_members[] = {
	{"name", FIELD_TEXT, .required = true, .least = 1, .most = NAME_MOST,
	 .help = "The file's path, or the last part of it; it tells what the file is for"},
	{"content", FIELD_TEXT, .required = true, .secret = true,
	 .help = "All of the file; never kept, since it may hold keys"},
	FIELD_END,
};

static const struct field import_parameters[] = {
	{"format", FIELD_TEXT, .required = true, .values = import_formats,
	 .help = "Whose files they are"},
	{"files", FIELD_OBJECT, .list = true, .required = true, .members = file_members,
	 .items_most = IMPORT_FILES_MAX,
	 .help = "The contents: the daemon reads no file that a caller names"},
	FIELD_END,
};

static const struct field untranslated_members[] = {
	{"file", FIELD_TEXT, .required = true, .help = "Name as given"},
	{"line", FIELD_INTEGER, .required = true, .help = "Counted from 1"},
	{"setting", FIELD_TEXT, .required = true, .help = "Its name, never its value"},
	{"why", FIELD_TEXT, .required = true, .help = "Why nothing, or less, was made of it"},
	FIELD_END,
};

static const struct field import_output[] = {
	{"document", FIELD_OBJECT, .required = true,
	 .help = "The layout: links, and routes and rules of no link"},
	{"untranslated", FIELD_OBJECT, .list = true, .required = true,
	 .members = untranslated_members, .help = "What has no equivalent or was not understood"},
	FIELD_END,
};

/* A link of the host, with room for what struct import_link points to. */
struct host_link {
	char mac[HARDWARE_ADDRESS_TEXT_MAX], permanent_mac[HARDWARE_ADDRESS_TEXT_MAX];
	struct link_details details;
};

static void describe(struct core *core, const struct link *link, struct host_link *room,
		     struct import_link *ret)
{
	*ret = (struct import_link){
		.name = link->name,
		.mac = hardware_address_print(&link->mac, room->mac),
		.permanent_mac = hardware_address_print(&link->permanent_mac, room->permanent_mac),
		.driver = room->details.driver,
		.kind = link_kind_text(link->kind),
	};
	/* A link that went away meanwhile has no driver, which is what room says. */
	if (observed_link_details(core_observed(core), link, &room->details) < 0)
		room->details.driver[0] = '\0';
}

static size_t describe_all(struct core *core, struct host_link *rooms, struct import_link *links,
			   size_t count)
{
	const struct link *link = NULL;
	size_t used = 0;

	while (used < count && (link = observed_next_link(core_observed(core), link)) != NULL) {
		describe(core, link, &rooms[used], &links[used]);
		used++;
	}
	return used;
}

static void collect(const json_t *list, struct import_file *files)
{
	const json_t *file;
	size_t i;

	json_array_foreach(list, i, file) {
		files[i].name = json_member_text(file, "name");
		files[i].content = json_member_text(file, "content");
	}
}

static int translate(const struct tool_call *call, json_t **ret_document, json_t **ret_untranslated,
		     struct error *error)
{
	const json_t *arguments = tool_call_arguments(call), *list = NULL;
	struct core *core = tool_call_core(call);
	size_t count = observed_count(core_observed(core), OBJECT_LINK);
	_cleanup_(cleanup_free) struct host_link *rooms = calloc(count + 1, sizeof(*rooms));
	_cleanup_(cleanup_free) struct import_link *links = calloc(count + 1, sizeof(*links));
	_cleanup_(cleanup_free) struct import_file *files = NULL;
	struct import_request request = {.links = links};

	list = json_object_get(arguments, "files");
	files = calloc(json_array_size(list) + 1, sizeof(*files));
	if (!rooms || !links || !files)
		return out_of_memory(error);
	collect(list, files);
	request.format = json_member_text(arguments, "format");
	request.files = files;
	request.files_count = json_array_size(list);
	request.links_count = describe_all(core, rooms, links, count);
	return import_translate(&request, ret_document, ret_untranslated, error);
}

static int call_import(struct tool_call *call, json_t **ret, struct error *error)
{
	json_t *document, *untranslated;
	int r = translate(call, &document, &untranslated, error);

	if (r < 0)
		return r;
	*ret = json_pack("{s:o, s:o}", "document", document, "untranslated", untranslated);
	return *ret ? 0 : out_of_memory(error);
}

static const struct field import_apply_parameters[] = {
	{"format", FIELD_TEXT, .required = true, .values = import_formats,
	 .help = "Whose files they are"},
	{"files", FIELD_OBJECT, .list = true, .required = true, .members = file_members,
	 .items_most = IMPORT_FILES_MAX, .help = "Their contents"},
	{"take_over", FIELD_BOOLEAN, .fallback = "false",
	 .help = "Configure also the links that somebody else made"},
	FIELD_END,
};

/* The document was checked by nobody yet: it is not the caller's. */
static int propose_import(struct tool_call *call, struct proposal *proposal, struct error *error)
{
	static const struct field_tables tables = {.own = layout_members};
	_cleanup_json_ json_t *document = NULL, *untranslated = NULL, *checked = NULL;
	int r = translate(call, &document, &untranslated, error);

	if (r >= 0)
		r = fields_validate(&tables, document, &checked, error);
	return r < 0 ? r : layout_propose(call, checked, proposal, error);
}

static char *summarise_import(const json_t *result)
{
	const json_t *document = json_object_get(result, "document");
	size_t remain = json_array_size(json_object_get(result, "untranslated"));
	char *text;
	int n = asprintf(&text,
			 "A layout of %zu links; %zu settings have no equivalent or were not "
			 "understood. Nothing was changed: net.apply takes the document.",
			 json_array_size(json_object_get(document, "links")), remain);

	return n < 0 ? NULL : text;
}

static const struct tool tools[] = {
	{
		.name = "net.import",
		.title = "Translate another manager's configuration",
		.description =
			"Makes a layout document, as net.apply takes it, of the files of netplan, "
			"systemd-networkd, NetworkManager or ifupdown, and lists every setting "
			"that "
			"has no equivalent with its file, line and reason. Settings that speak of "
			"links by pattern, MAC address or driver are resolved against this host. "
			"Changes nothing. Secrets such as pre-shared keys are never given back.",
		.parameters = import_parameters,
		.output = import_output,
		.hints = HINT_READ_ONLY | HINT_IDEMPOTENT,
		.risk = RISK_NONE,
		.role = ROLE_OBSERVER,
		.time_limit = 5000,
		.call = call_import,
		.summarise = summarise_import,
	},
	{
		.name = "net.import_apply",
		.title = "Apply another manager's configuration",
		.description =
			"Makes so what net.import translates of the files of netplan, "
			"systemd-networkd, NetworkManager or ifupdown, in one transaction. What "
			"has no equivalent is left out: net.import lists it, and dry_run plans.",
		.parameters = import_apply_parameters,
		.hints = HINT_DESTRUCTIVE | HINT_IDEMPOTENT,
		.risk = RISK_HIGH,
		.role = ROLE_AGENT,
		.time_limit = 30000,
		.undoable = true,
		.propose = propose_import,
	},
};

const struct tool_set import_tools = {tools, ARRAY_SIZE(tools)};
