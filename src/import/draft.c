/* The document while it is being made. */
#include <stdio.h>
#include <string.h>

#include "internal.h"

#define PLACE_TEXT_MAX	 160
#define MEMBER_PARTS_MAX 64
/* Longer lists are not searched for what is there already: that takes the square of their length.
 */
#define SEARCHED_MAX 512

bool import_spend(struct import *import, size_t values)
{
	if (import->budget < values) {
		import->budget = 0;
		return false;
	}
	import->budget -= values;
	return true;
}

static void put(struct import *import, json_t *object, const char *key, json_t *value)
{
	import->failed |= json_put(object, key, value) < 0;
}

void import_remain(struct import *import, const struct place *place, const char *why)
{
	char text[PLACE_TEXT_MAX];
	json_t *entry;

	if (!import_spend(import, 1))
		return;
	snprintf(text, sizeof(text), "%s%s%s", place->section ?: "",
		 place->section && place->section[0] && place->key ? "." : "", place->key ?: "");
	entry = json_object();
	put(import, entry, "file", json_text_from_bytes(place->file, strlen(place->file)));
	put(import, entry, "line", json_integer(place->line));
	put(import, entry, "setting", json_text_from_bytes(text, strlen(text)));
	put(import, entry, "why", json_string(why));
	import->failed |= json_array_append_new(import->untranslated, entry) < 0;
}

json_t *import_link(struct import *import, const char *name)
{
	json_t *link = json_object_get(import->links, name);

	if (link)
		return link;
	if (!import_spend(import, 1))
		return NULL;
	link = json_pack("{s:s}", "name", name);
	put(import, import->links, name, link);
	return json_object_get(import->links, name);
}

static size_t count_values(const json_t *value)
{
	size_t count = 1, i;
	json_t *member;
	const char *key;

	json_array_foreach(value, i, member)
		count += count_values(member);
	json_object_foreach((json_t *)value, key, member)
		count += count_values(member);
	return count;
}

static bool list_has(const json_t *list, const json_t *value)
{
	const json_t *each;
	size_t i;

	if (json_array_size(list) > SEARCHED_MAX)
		return false;
	json_array_foreach(list, i, each)
		if (json_equal(each, value))
			return true;
	return false;
}

static void lay_over(struct import *import, json_t *below, const json_t *above)
{
	json_t *value, *present, *item;
	const char *key;
	size_t i;

	json_object_foreach((json_t *)above, key, value) {
		present = json_object_get(below, key);
		if (json_is_object(present) && json_is_object(value)) {
			lay_over(import, present, value);
		} else if (json_is_array(present) && json_is_array(value)) {
			json_array_foreach(value, i, item)
				if (!list_has(present, item))
					import->failed |=
						json_array_append_new(present,
								      json_deep_copy(item)) <
							  0;
		} else {
			put(import, below, key, json_deep_copy(value));
		}
	}
}

void import_lay_over(struct import *import, const char *name, const json_t *settings)
{
	json_t *link = import_link(import, name);

	if (!link || !import_spend(import, count_values(settings)))
		return;
	lay_over(import, link, settings);
	put(import, link, "name", json_string(name));
}

/* The object that holds the last part of "bridge.stp"; `ret_key` is that part. */
static json_t *holder(struct import *import, json_t *target, const char *member,
		      const char **ret_key)
{
	const char *dot;
	char key[MEMBER_PARTS_MAX];

	while ((dot = strchr(member, '.'))) {
		snprintf(key, sizeof(key), "%.*s", (int)(dot - member), member);
		if (!json_is_object(json_object_get(target, key)))
			put(import, target, key, json_object());
		target = json_object_get(target, key);
		member = dot + 1;
	}
	*ret_key = member;
	return target;
}

void import_put(struct import *import, json_t *target, const char *member, json_t *value)
{
	const char *key;
	json_t *object = holder(import, target, member, &key);

	put(import, object, key, value);
}

void import_append(struct import *import, json_t *target, const char *member, json_t *value)
{
	_cleanup_json_ json_t *item = value;
	const char *key;
	json_t *object = holder(import, target, member, &key), *list = json_object_get(object, key);

	if (!import_spend(import, count_values(value)))
		return;
	if (!json_is_array(list)) {
		put(import, object, key, json_array());
		list = json_object_get(object, key);
	}
	if (!list_has(list, item))
		import->failed |= json_array_append(list, item) < 0;
}

json_t *import_member(const json_t *target, const char *member)
{
	const char *dot;
	char key[MEMBER_PARTS_MAX];

	while ((dot = strchr(member, '.'))) {
		snprintf(key, sizeof(key), "%.*s", (int)(dot - member), member);
		target = json_object_get(target, key);
		member = dot + 1;
	}
	return json_object_get(target, member);
}

static void append(struct import *import, json_t *list, json_t *item)
{
	if (!import_spend(import, count_values(item)) || list_has(list, item)) {
		import->failed |= !item;
		json_decref(item);
		return;
	}
	import->failed |= json_array_append_new(list, item) < 0;
}

void import_add_route(struct import *import, json_t *route)
{
	append(import, import->routes, route);
}

void import_add_rule(struct import *import, json_t *rule)
{
	append(import, import->rules, rule);
}

void import_put_route(struct import *import, json_t *link, json_t *route)
{
	const char *type = json_member_text(route, "type");

	if (json_object_get(route, "nexthops") || (type && strcmp(type, "unicast") != 0))
		import_add_route(import, route);
	else
		import_append(import, link, "routes", route);
}
