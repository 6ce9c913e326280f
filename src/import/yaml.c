#include "yaml.h"

#include <errno.h>
#include <string.h>
#include <yaml.h>

#define DEPTH_MAX 24

struct composer {
	struct import *import;
	const char *file;
	yaml_document_t document;
	bool deep; /* too deep, or too much of it */
};

static json_t *compose(struct composer *composer, int index, unsigned depth);

static json_t *text_of(const yaml_node_t *node)
{
	return json_text_from_bytes(node->data.scalar.value, node->data.scalar.length);
}

static json_t *compose_list(struct composer *composer, const yaml_node_t *node, unsigned depth)
{
	json_t *list = json_array();

	for (yaml_node_item_t *item = node->data.sequence.items.start;
	     item < node->data.sequence.items.top && !composer->deep; item++)
		composer->import->failed |=
			json_array_append_new(list, compose(composer, *item, depth + 1)) < 0;
	return list;
}

static json_t *compose_map(struct composer *composer, const yaml_node_t *node, unsigned depth)
{
	json_t *map = json_object();

	for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
	     pair < node->data.mapping.pairs.top && !composer->deep; pair++) {
		const yaml_node_t *key = yaml_document_get_node(&composer->document, pair->key);
		json_t *value = compose(composer, pair->value, depth + 1);
		struct place place = {.file = composer->file,
				      .line = (unsigned)key->start_mark.line + 1,
				      .key = "mapping"};
		_cleanup_json_ json_t *text = NULL;

		if (key->type != YAML_SCALAR_NODE) {
			json_decref(value);
			import_remain(composer->import, &place, "a key has to be a text");
			continue;
		}
		text = text_of(key);
		/* A scalar's own line is where its value begins; for people it is its key's. */
		if (value && json_object_get(value, "text"))
			json_put(value, "line", json_integer(place.line));
		composer->import->failed |= json_put(map, json_string_value(text) ?: "", value) < 0;
	}
	return map;
}

/* NULL when it is too deep or memory is exhausted. An alias is the same node again, so that a few
 * bytes can stand for much: the budget bounds it. */
static json_t *compose(struct composer *composer, int index, unsigned depth)
{
	const yaml_node_t *node = yaml_document_get_node(&composer->document, index);
	json_t *json;

	if (!node || depth > DEPTH_MAX || !import_spend(composer->import, 1)) {
		composer->deep = true;
		return json_null();
	}
	json = json_pack("{s:o, s:i}", "file",
			 json_text_from_bytes(composer->file, strlen(composer->file)), "line",
			 (int)node->start_mark.line + 1);
	if (node->type == YAML_SEQUENCE_NODE)
		composer->import->failed |=
			json_put(json, "list", compose_list(composer, node, depth)) < 0;
	else if (node->type == YAML_MAPPING_NODE)
		composer->import->failed |=
			json_put(json, "map", compose_map(composer, node, depth)) < 0;
	else
		composer->import->failed |= json_put(json, "text", text_of(node)) < 0;
	return json;
}

static void remain(struct composer *composer, size_t line, const char *why)
{
	struct place place = {.file = composer->file, .line = (unsigned)line + 1, .key = "file"};

	import_remain(composer->import, &place, why);
}

int yaml_read(struct import *import, const struct import_file *file, json_t **ret)
{
	struct composer composer = {.import = import, .file = file->name};
	yaml_parser_t parser;
	int r = 1;

	*ret = NULL;
	if (!yaml_parser_initialize(&parser))
		return -ENOMEM;
	yaml_parser_set_input_string(&parser, (const unsigned char *)file->content,
				     strlen(file->content));
	if (!yaml_parser_load(&parser, &composer.document)) {
		remain(&composer, parser.problem_mark.line, "is not YAML from here on");
		yaml_parser_delete(&parser);
		return 1;
	}
	if (!yaml_document_get_root_node(&composer.document)) {
		r = 0;
	} else {
		*ret = compose(&composer, 1, 0);
		r = composer.deep ? 1 : 0;
	}
	yaml_document_delete(&composer.document);
	yaml_parser_delete(&parser);
	if (r == 0)
		return 0;
	json_decref(*ret);
	*ret = NULL;
	remain(&composer, 0, "is too deep, or holds too much");
	return 1;
}

void yaml_lay_over(struct import *import, json_t **below, json_t *above)
{
	json_t *below_map = json_object_get(*below, "map"), *map = json_object_get(above, "map");
	json_t *below_list = json_object_get(*below, "list");
	const json_t *list = json_object_get(above, "list");
	json_t *value;
	const char *key;

	if (below_list && list) {
		import->failed |= json_array_extend(below_list, (json_t *)list) < 0;
		return;
	}
	if (!below_map || !map) {
		json_decref(*below);
		*below = json_incref(above);
		return;
	}
	json_object_foreach(map, key, value) {
		json_t *merged = json_incref(json_object_get(below_map, key));

		yaml_lay_over(import, &merged, value);
		import->failed |= json_put(below_map, key, merged) < 0;
	}
}

const char *yaml_text(const json_t *node)
{
	return json_member_text(node, "text");
}

const json_t *yaml_list(const json_t *node)
{
	return json_object_get(node, "list");
}

const json_t *yaml_map(const json_t *node)
{
	return json_object_get(node, "map");
}

const char *yaml_file(const json_t *node)
{
	return json_member_text(node, "file") ?: "";
}

unsigned yaml_line(const json_t *node)
{
	return (unsigned)json_member_integer(node, "line", 0);
}
