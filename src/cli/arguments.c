#include "arguments.h"

#include <limits.h>
#include <string.h>

#include "output.h"

#define PATH_MAX_BYTES 256

/* ---- what the schema says ---- */

bool arguments_has_type(const json_t *property, const char *type)
{
	static const char *const combinations[] = {"anyOf", "oneOf"};
	const json_t *types = json_object_get(property, "type"), *each;
	size_t i;

	if (json_is_string(types))
		return strcmp(json_string_value(types), type) == 0;
	json_array_foreach(types, i, each)
		if (json_is_string(each) && strcmp(json_string_value(each), type) == 0)
			return true;
	for (size_t c = 0; c < ARRAY_SIZE(combinations); c++)
		json_array_foreach(json_object_get(property, combinations[c]), i, each)
			if (arguments_has_type(each, type))
				return true;
	return false;
}

bool arguments_is_flag(const json_t *property)
{
	return arguments_has_type(property, "boolean") && !arguments_has_type(property, "string");
}

static bool is_index(const char *text)
{
	return text[0] && text[strspn(text, "0123456789")] == '\0';
}

static bool begins_with_index(const char *path)
{
	size_t digits = strspn(path, "0123456789");

	return digits > 0 && (path[digits] == '\0' || path[digits] == '.');
}

/* The schema one step below: a member of an object, an element of a list. */
static const json_t *property_below(const json_t *schema, const char *step)
{
	const json_t *member = json_object_get(json_object_get(schema, "properties"), step);

	if (member)
		return member;
	if (is_index(step))
		return json_object_get(schema, "items");
	member = json_object_get(schema, "additionalProperties");
	return json_is_object(member) ? member : NULL;
}

const json_t *arguments_property(const json_t *schema, const char *path)
{
	char copy[PATH_MAX_BYTES];
	char *rest = copy, *step;

	if (strlen(path) >= sizeof(copy))
		return NULL;
	strcpy(copy, path);
	while (schema && (step = strsep(&rest, ".")))
		schema = property_below(schema, step);
	return schema;
}

static int unknown_parameter(const json_t *schema, const char *name, struct error *error)
{
	const char *key, *nearest = NULL;
	unsigned best = UINT_MAX;
	json_t *member;
	int r = error_set(error, ERROR_PARAMETER_UNKNOWN, name, "there is no parameter %s", name);

	json_object_foreach(json_object_get(schema, "properties"), key, member) {
		unsigned distance = text_distance(name, key);

		if (distance < best) {
			best = distance;
			nearest = key;
		}
	}
	if (nearest && best <= 1 + strlen(name) / 3)
		error_hint(error, "did you mean %s?", nearest);
	else
		error_hint(error, "--help lists the parameters");
	return r;
}

/* ---- values ---- */

static int wrong_type(struct error *error, const char *name, const char *text, const char *wanted)
{
	int r = error_set(error, ERROR_PARAMETER_TYPE, name, "%s: \"%.100s\" is not %s", name, text,
			  wanted);

	error_hint(error, "give %s", wanted);
	return r;
}

static json_t *boolean_value(const char *text)
{
	static const char *const yes[] = {"true", "yes", "on", "1"};
	static const char *const no[] = {"false", "no", "off", "0"};

	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		if (strcmp(text, yes[i]) == 0)
			return json_true();
		if (strcmp(text, no[i]) == 0)
			return json_false();
	}
	return NULL;
}

static json_t *integer_value(const char *text)
{
	char *end;
	long long value;

	if (!is_index(text[0] == '-' || text[0] == '+' ? text + 1 : text))
		return NULL;
	errno = 0;
	value = strtoll(text, &end, 10);
	return errno == 0 && *end == '\0' ? json_integer(value) : NULL;
}

static json_t *number_value(const char *text)
{
	char *end;
	double value;

	/* strtod() would also take hexadecimal, infinity and leading space. */
	if (!text[0] || text[strspn(text, "0123456789.+-eE")] != '\0')
		return NULL;
	value = strtod(text, &end);
	return *end == '\0' ? json_real(value) : NULL;
}

static json_t *null_value(const char *text)
{
	return strcmp(text, "null") == 0 ? json_null() : NULL;
}

/* Simple types in the order in which they are tried when a property allows several. */
static const struct {
	const char *type;
	json_t *(*read)(const char *text);
	const char *wanted;
} simple_types[] = {
	{"null", null_value, "null"},
	{"integer", integer_value, "a whole number"},
	{"number", number_value, "a number"},
	{"boolean", boolean_value, "true or false"},
	{"string", json_string, "text in UTF-8"},
};

static int json_value(const char *name, const char *text, json_t **ret, struct error *error)
{
	json_error_t reason;
	int r;

	*ret = json_loads(text, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &reason);
	if (*ret)
		return 0;
	r = error_set(error, ERROR_PARAMETER_TYPE, name, "%s is not valid JSON: %s", name,
		      reason.text);
	error_hint(error, "quote JSON for the shell: %s:='{\"key\": \"value\"}'", name);
	return r;
}

static int list_value(const json_t *schema, const char *name, const char *text, json_t **ret,
		      struct error *error)
{
	const json_t *items = json_object_get(schema, "items");
	_cleanup_(cleanup_free) char *copy = strdup(text);
	_cleanup_json_ json_t *list = json_array();
	char *rest = copy, *part;

	if (!copy)
		return error_set(error, ERROR_OUT_OF_MEMORY, name, "no memory");
	while (text[0] && (part = strsep(&rest, ","))) {
		json_t *element = NULL;
		int r = argument_value(items, name, part, &element, error);

		if (r < 0)
			return r;
		if (json_array_append_new(list, element) < 0)
			return error_set(error, ERROR_OUT_OF_MEMORY, name, "no memory");
	}
	*ret = TAKE_PTR(list);
	return 0;
}

static bool looks_like_json(const json_t *schema, const char *text)
{
	return (text[0] == '[' && (!schema || arguments_has_type(schema, "array"))) ||
	       (text[0] == '{' && (!schema || arguments_has_type(schema, "object")));
}

/* Nothing is known of the value: numbers, truths and null as JSON writes them, all else is text. */
static int untyped_value(const char *name, const char *text, json_t **ret, struct error *error)
{
	*ret = json_loads(text, JSON_DECODE_ANY, NULL) ?: json_string(text);
	return *ret ? 0 : wrong_type(error, name, "(bytes)", "text in UTF-8");
}

int argument_value(const json_t *schema, const char *name, const char *text, json_t **ret,
		   struct error *error)
{
	const char *wanted = NULL;

	if (looks_like_json(schema, text))
		return json_value(name, text, ret, error);
	for (size_t i = 0; i < ARRAY_SIZE(simple_types); i++) {
		if (!arguments_has_type(schema, simple_types[i].type))
			continue;
		*ret = simple_types[i].read(text);
		if (*ret)
			return 0;
		wanted = simple_types[i].wanted;
	}
	if (arguments_has_type(schema, "array"))
		return list_value(schema, name, text, ret, error);
	if (arguments_has_type(schema, "object"))
		return wrong_type(error, name, text, "an object: NAME.MEMBER=VALUE or NAME:=JSON");
	if (wanted)
		return wrong_type(error, name, text, wanted);
	return untyped_value(name, text, ret, error);
}

/* ---- assignment ---- */

/* Puts `value` (taken) under `step`, into the list or object. A list given twice is joined. */
static int put_last(json_t *container, const char *step, json_t *value, const char *name,
		    struct error *error)
{
	json_t *before = json_is_object(container) ? json_object_get(container, step) : NULL;
	int r;

	if (json_is_array(before) && json_is_array(value)) {
		r = json_array_extend(before, value);
		json_decref(value);
	} else if (before) {
		json_decref(value);
		return error_set(error, ERROR_PARAMETER_CONFLICT, name, "%s is given twice", name);
	} else if (json_is_array(container)) {
		r = json_array_append_new(container, value);
	} else {
		r = json_object_set_new(container, step, value);
	}
	return r < 0 ? error_set(error, ERROR_OUT_OF_MEMORY, name, "no memory") : 0;
}

/* The object or list below `container` at `step`, made where it is missing; NULL when something
 * else is there, or a list would get a gap. */
static json_t *descend(json_t *container, const char *step, bool next_is_index)
{
	json_t *below = NULL;

	if (json_is_object(container)) {
		below = json_object_get(container, step);
		if (!below) {
			below = next_is_index ? json_array() : json_object();
			json_object_set_new(container, step, below);
		}
	} else if (json_is_array(container) && is_index(step)) {
		size_t index = strtoul(step, NULL, 10);

		below = json_array_get(container, index);
		if (!below && index == json_array_size(container)) {
			below = next_is_index ? json_array() : json_object();
			json_array_append_new(container, below);
		}
	}
	return json_is_object(below) || json_is_array(below) ? below : NULL;
}

static int assign(json_t *arguments, const char *path, json_t *value, struct error *error)
{
	char copy[PATH_MAX_BYTES];
	char *rest = copy, *step;
	json_t *container = arguments;

	strcpy(copy, path); /* its length was checked with the property's */
	while ((step = strsep(&rest, ".")) && rest) {
		container = descend(container, step, begins_with_index(rest));
		if (!container) {
			json_decref(value);
			return error_set(error, ERROR_PARAMETER_CONFLICT, path,
					 "%s does not fit what was given before it", path);
		}
	}
	return put_last(container, step, value, path, error);
}

/* Types `text` (or parses it, when `raw`) as the parameter at `path` and assigns it. */
static int put_argument(json_t *arguments, const json_t *schema, const char *path, const char *text,
			bool raw, struct error *error)
{
	const json_t *property = arguments_property(schema, path);
	bool closed = json_is_false(json_object_get(schema, "additionalProperties"));
	json_t *value = NULL;
	int r;

	if (!path[0] || strlen(path) >= PATH_MAX_BYTES ||
	    (!property && closed && json_object_get(schema, "properties")))
		return unknown_parameter(schema, path, error);
	r = raw ? json_value(path, text, &value, error)
		: argument_value(property, path, text, &value, error);
	return r < 0 ? r : assign(arguments, path, value, error);
}

/* A word KEY=VALUE or KEY:=JSON; 1 when it is neither. */
static int put_pair(json_t *arguments, const json_t *schema, const char *word, struct error *error)
{
	const char *equals = strchr(word, '=');
	size_t length = equals ? (size_t)(equals - word) : 0;
	bool raw = length > 0 && equals[-1] == ':';
	char path[PATH_MAX_BYTES];

	if (!equals)
		return 1;
	length -= raw;
	if (length == 0 || length >= sizeof(path))
		return 1;
	memcpy(path, word, length);
	path[length] = '\0';
	return put_argument(arguments, schema, path, equals + 1, raw, error);
}

int arguments_parse_pairs(const json_t *schema, int count, char *const *words, json_t **ret,
			  struct error *error)
{
	_cleanup_json_ json_t *arguments = json_object();

	for (int i = 0; i < count; i++) {
		int r = put_pair(arguments, schema, words[i], error);

		if (r == 1) {
			r = error_set(error, ERROR_PARAMETER_UNKNOWN, NULL,
				      "\"%.100s\" is not KEY=VALUE", words[i]);
			error_hint(error, "arguments are given as KEY=VALUE or KEY:=JSON");
		}
		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(arguments);
	return 0;
}

/* ---- options ---- */

struct option_parser {
	const json_t *schema;
	json_t *arguments;
	int count, position;
	char *const *words;
	size_t required; /* parameters of the required list that words have filled, or passed by */
	bool ended;	 /* by "--" */
	struct error *error;
};

/* --some-name -> some_name, unless the schema has the name as it was written. */
static int option_name(const struct option_parser *parser, const char *word, size_t length,
		       char name[PATH_MAX_BYTES])
{
	if (length >= PATH_MAX_BYTES)
		return -EINVAL;
	memcpy(name, word, length);
	name[length] = '\0';
	if (!arguments_property(parser->schema, name))
		for (char *c = name; *c; c++)
			if (*c == '-')
				*c = '_';
	return 0;
}

static int parse_option(struct option_parser *parser)
{
	const char *word = parser->words[parser->position++] + 2;
	const char *equals = strchr(word, '=');
	size_t length = equals ? (size_t)(equals - word) : strlen(word);
	const json_t *property;
	char name[PATH_MAX_BYTES];

	if (option_name(parser, word, length, name) < 0)
		return unknown_parameter(parser->schema, "(long name)", parser->error);
	property = arguments_property(parser->schema, name);
	if (!property && !equals && strncmp(name, "no_", 3) == 0 &&
	    arguments_is_flag(arguments_property(parser->schema, name + 3)))
		return put_argument(parser->arguments, parser->schema, name + 3, "false", false,
				    parser->error);
	if (!property)
		return unknown_parameter(parser->schema, name, parser->error);
	if (equals)
		return put_argument(parser->arguments, parser->schema, name, equals + 1, false,
				    parser->error);
	if (arguments_is_flag(property))
		return put_argument(parser->arguments, parser->schema, name, "true", false,
				    parser->error);
	if (parser->position == parser->count)
		return error_set(parser->error, ERROR_PARAMETER_MISSING, name, "--%s needs a value",
				 word);
	return put_argument(parser->arguments, parser->schema, name,
			    parser->words[parser->position++], false, parser->error);
}

/* The next required parameter without a value, or NULL. A list takes all words that are left. */
static const char *next_required(struct option_parser *parser)
{
	const json_t *required = json_object_get(parser->schema, "required");

	for (; parser->required < json_array_size(required); parser->required++) {
		const char *name = json_string_value(json_array_get(required, parser->required));

		if (!name)
			continue;
		if (!json_object_get(parser->arguments, name) ||
		    arguments_has_type(arguments_property(parser->schema, name), "array"))
			return name;
	}
	return NULL;
}

static int parse_word(struct option_parser *parser)
{
	const char *word = parser->words[parser->position++];
	size_t key = strcspn(word, "=:.");
	char name[PATH_MAX_BYTES];
	const char *required;
	int r;

	if (strchr(word, '=') && option_name(parser, word, key, name) == 0 &&
	    arguments_property(parser->schema, name)) {
		r = put_pair(parser->arguments, parser->schema, word, parser->error);
		if (r <= 0)
			return r;
	}
	required = next_required(parser);
	if (required)
		return put_argument(parser->arguments, parser->schema, required, word, false,
				    parser->error);
	r = error_set(parser->error, ERROR_PARAMETER_UNKNOWN, NULL,
		      "\"%.100s\" is one word too many", word);
	error_hint(parser->error, "optional parameters are given as --NAME VALUE");
	return r;
}

static int check_required(const json_t *schema, const json_t *arguments, struct error *error)
{
	const json_t *name;
	size_t i;
	int r;

	json_array_foreach(json_object_get(schema, "required"), i, name) {
		const char *text = json_string_value(name);

		if (!text || json_object_get(arguments, text))
			continue;
		r = error_set(error, ERROR_PARAMETER_MISSING, text, "%s is missing", text);
		error_hint(error, "--help lists the parameters");
		return r;
	}
	return 0;
}

int arguments_parse_options(const json_t *schema, int count, char *const *words, json_t **ret,
			    struct error *error)
{
	_cleanup_json_ json_t *arguments = json_object();
	struct option_parser parser = {
		.schema = schema,
		.arguments = arguments,
		.count = count,
		.words = words,
		.error = error,
	};
	int r = 0;

	while (parser.position < count) {
		const char *word = words[parser.position];

		if (!parser.ended && strcmp(word, "--") == 0) {
			parser.ended = true;
			parser.position++;
		} else if (!parser.ended && strncmp(word, "--", 2) == 0) {
			r = parse_option(&parser);
		} else {
			r = parse_word(&parser);
		}
		if (r < 0)
			return r;
	}
	r = check_required(schema, arguments, error);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(arguments);
	return 0;
}
