/*
 * Values against tables of fields. One walk serves both directions: arguments from outside, where
 * every message names the parameter and what would have been right, and results of our own.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/spec.h"
#include "fields.h"

#define INPUT_ITEMS_MOST 256
#define INTEGER_MOST	 9007199254740992.0 /* 2^53: what every JSON reader keeps exactly */

struct check {
	bool output;
	struct error *error;
};

/* ---- names that were meant ---- */

/* Levenshtein distance; -1 where either is too long to be a name of ours. */
static int edit_distance(const char *a, const char *b)
{
	size_t length = strlen(b);
	int row[65];

	if (length > 64 || strlen(a) > 64)
		return -1;
	for (size_t j = 0; j <= length; j++)
		row[j] = (int)j;
	for (size_t i = 0; a[i]; i++) {
		int diagonal = row[0];

		row[0] = (int)i + 1;
		for (size_t j = 1; j <= length; j++) {
			int above = row[j];

			row[j] = MIN(MIN(above, row[j - 1]) + 1, diagonal + (a[i] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[length];
}

const char *nearest_name(const char *text, const char *(*at)(const void *userdata, size_t index),
			 const void *userdata)
{
	const char *candidate, *best = NULL;
	int least = MAX(2, (int)strlen(text) / 3) + 1;

	for (size_t i = 0; (candidate = at(userdata, i)); i++) {
		int distance = edit_distance(text, candidate);

		if (distance >= 0 && distance < least && distance < (int)strlen(candidate)) {
			least = distance;
			best = candidate;
		}
	}
	return best;
}

static const char *field_name_at(const void *tables, size_t index)
{
	const struct field *field = field_tables_at(tables, index);

	return field ? field->name : NULL;
}

static const char *value_at(const void *values, size_t index)
{
	return ((const char *const *)values)[index];
}

/* ---- messages ---- */

/* At most `size` bytes of the names, separated by commas. */
static void list_names(char *buffer, size_t size,
		       const char *(*at)(const void *userdata, size_t index), const void *userdata)
{
	const char *name;
	size_t used = 0;

	buffer[0] = '\0';
	for (size_t i = 0; (name = at(userdata, i)); i++) {
		int n = snprintf(buffer + used, size - used, "%s%s", i ? ", " : "", name);

		if (n < 0 || (size_t)n >= size - used)
			return;
		used += (size_t)n;
	}
}

/* The value as the message quotes it; `buffer` of 48 bytes. */
static const char *quote_value(const json_t *value, char *buffer)
{
	size_t n =
		json_dumpb(value, buffer, 44, JSON_COMPACT | JSON_ENCODE_ANY | JSON_ENSURE_ASCII);

	if (n <= 44)
		buffer[n] = '\0';
	else
		memcpy(buffer + 41, "...", 4);
	return buffer;
}

static int wrong_type(const struct check *check, const struct field *field, const char *path,
		      const json_t *value, bool list)
{
	char quoted[48] = "a secret";
	int r;

	if (!field->secret)
		quote_value(value, quoted);
	r = error_set(check->error, ERROR_PARAMETER_TYPE, path, "\"%s\" must be %s%s; it is %s",
		      path, list ? "a list, each item " : "", field_type_text(field->type), quoted);

	if (list)
		error_hint(check->error, "put it in brackets: [%s]", quoted);
	else if (json_is_string(value) && field->type != FIELD_OBJECT)
		error_hint(check->error, "write it without quotes");
	else if (field->help)
		error_hint(check->error, "%s", field->help);
	return r;
}

/* ---- one value ---- */

static int check_values(const struct check *check, const struct field *field, const char *path,
			const char *text)
{
	char names[200];
	const char *meant;
	int r;

	for (const char *const *value = field->values; *value; value++)
		if (strcmp(*value, text) == 0)
			return 0;
	list_names(names, sizeof(names), value_at, field->values);
	r = error_set(check->error, ERROR_PARAMETER_RANGE, path, "\"%s\" must be one of %s", path,
		      names);
	meant = nearest_name(text, value_at, field->values);
	if (meant)
		error_hint(check->error, "did you mean \"%s\"?", meant);
	return r;
}

static int check_text(const struct check *check, const struct field *field, const char *path,
		      const json_t *value)
{
	size_t length = json_string_length(value);

	if (field->most > 0 && (length < field->least || length > field->most))
		return error_set(check->error, ERROR_PARAMETER_RANGE, path,
				 "\"%s\" must be of %.0f to %.0f bytes; it has %zu", path,
				 field->least, field->most, length);
	return field->values ? check_values(check, field, path, json_string_value(value)) : 0;
}

static int check_link_name(const struct check *check, const struct field *field, const char *path,
			   const json_t *value)
{
	int r;

	if (spec_link_name_valid(json_string_value(value)))
		return 0;
	r = error_set(check->error, ERROR_NAME_INVALID, path,
		      "\"%s\" is not the name of an interface", path);
	error_hint(check->error, "1 to 15 bytes without space, slash and colon");
	return r;
}

static int check_address(const struct check *check, const struct field *field, const char *path,
			 const json_t *value)
{
	struct ip_address address;

	return ip_address_parse(json_string_value(value), &address, path, check->error);
}

static int check_interface_address(const struct check *check, const struct field *field,
				   const char *path, const json_t *value)
{
	const char *text = json_string_value(value);
	struct ip_prefix prefix;
	int r = ip_prefix_parse(text, &prefix, path, check->error);

	if (r < 0 || strchr(text, '/'))
		return r;
	r = error_set(check->error, ERROR_PREFIX_INVALID, path, "\"%s\" lacks its prefix length",
		      path);
	error_hint(check->error, "write %s/%u for a single address, or the length of its network",
		   text, ip_family_bits(prefix.address.family));
	return r;
}

static int check_prefix(const struct check *check, const struct field *field, const char *path,
			const json_t *value)
{
	struct ip_prefix prefix;

	return ip_network_parse(json_string_value(value), &prefix, path, check->error);
}

static int check_mac(const struct check *check, const struct field *field, const char *path,
		     const json_t *value)
{
	static const struct hardware_address nobody = {.length = 6};
	struct hardware_address mac;
	int r = hardware_address_parse(json_string_value(value), &mac, path, check->error);

	if (r < 0 || (!(mac.bytes[0] & 1) && !hardware_address_equal(&mac, &nobody)))
		return r;
	r = error_set(check->error, ERROR_MAC_INVALID, path, "\"%s\" is no interface's own address",
		      path);
	error_hint(check->error, "the first byte must be even (odd ones are of groups), and not "
				 "all may be zero");
	return r;
}

static int check_number(const struct check *check, const struct field *field, const char *path,
			const json_t *value)
{
	double number = json_number_value(value);
	const char *unit = field->unit ?: "";

	if (field->type == FIELD_INTEGER && !json_is_integer(value))
		return wrong_type(check, field, path, value, false);
	if (field->least == 0 && field->most == 0) {
		if (field->type == FIELD_NUMBER || check->output || fabs(number) <= INTEGER_MOST)
			return 0;
		return error_set(check->error, ERROR_PARAMETER_RANGE, path, "\"%s\" is beyond 2^53",
				 path);
	}
	if (number >= field->least && number <= field->most)
		return 0;
	return error_set(check->error, ERROR_PARAMETER_RANGE, path,
			 "\"%s\" must be %.12g to %.12g%s%s; it is %.12g", path, field->least,
			 field->most, *unit ? " " : "", unit, number);
}

static int check_object(const struct check *check, const struct field_tables *tables,
			json_t *object, const char *path);

static int check_members(const struct check *check, const struct field *field, const char *path,
			 const json_t *value)
{
	const struct field_tables members = {.own = field->members};

	/* Defaults are filled in on the way. */
	return field->members ? check_object(check, &members, (json_t *)value, path) : 0;
}

/* What a type asks of a value of its JSON type; `input` only of what comes from outside. */
static const struct {
	int (*check)(const struct check *check, const struct field *field, const char *path,
		     const json_t *value);
	bool input;
} type_checks[_FIELD_TYPE_MAX] = {
	[FIELD_TEXT] = {check_text},
	[FIELD_INTEGER] = {check_number},
	[FIELD_NUMBER] = {check_number},
	[FIELD_ADDRESS] = {check_address, true},
	[FIELD_INTERFACE_ADDRESS] = {check_interface_address, true},
	[FIELD_PREFIX] = {check_prefix, true},
	[FIELD_LINK] = {check_link_name, true},
	[FIELD_MAC] = {check_mac, true},
	[FIELD_OBJECT] = {check_members},
};

static bool json_type_fits(const struct field *field, const json_t *value)
{
	switch (field->type) {
	case FIELD_INTEGER:
	case FIELD_NUMBER:
		return json_is_number(value);
	case FIELD_BOOLEAN:
		return json_is_boolean(value);
	case FIELD_OBJECT:
		return json_is_object(value);
	default:
		return json_is_string(value);
	}
}

static int check_item(const struct check *check, const struct field *field, const char *path,
		      const json_t *value)
{
	int r;

	if (field->or_truth && json_is_boolean(value))
		return 0;
	if (!json_type_fits(field, value))
		return wrong_type(check, field, path, value, false);
	if (!type_checks[field->type].check || (type_checks[field->type].input && check->output))
		return 0;
	r = type_checks[field->type].check(check, field, path, value);
	if (r < 0 && check->error && !check->error->hint[0] && field->help)
		error_hint(check->error, "%s", field->help);
	return r;
}

static int check_list(const struct check *check, const struct field *field, const char *path,
		      const json_t *value)
{
	size_t most = field->items_most ?: check->output ? SIZE_MAX : INPUT_ITEMS_MOST;
	char item_path[96];
	size_t i;
	json_t *item;
	int r;

	if (!json_is_array(value))
		return wrong_type(check, field, path, value, true);
	if (json_array_size(value) > most)
		return error_set(check->error, ERROR_PARAMETER_RANGE, path,
				 "\"%s\" may have %zu items; it has %zu", path, most,
				 json_array_size(value));
	json_array_foreach(value, i, item) {
		snprintf(item_path, sizeof(item_path), "%.64s[%zu]", path, i);
		r = check_item(check, field, item_path, item);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- objects ---- */

static const char *member_path(const char *path, const char *name, char *buffer, size_t size)
{
	snprintf(buffer, size, "%s%s%s", path, *path ? "." : "", name);
	return buffer;
}

static int check_names(const struct check *check, const struct field_tables *tables,
		       const json_t *object, const char *path)
{
	char full[64], names[240];
	const char *name, *meant;
	json_t *value;
	int r;

	json_object_foreach((json_t *)object, name, value) {
		const struct field *field;
		size_t i = 0;

		while ((field = field_tables_at(tables, i)) && strcmp(field->name, name) != 0)
			i++;
		if (field)
			continue;
		member_path(path, name, full, sizeof(full));
		r = error_set(check->error, ERROR_PARAMETER_UNKNOWN, full,
			      "There is no parameter \"%s\"", full);
		meant = nearest_name(name, field_name_at, tables);
		list_names(names, sizeof(names), field_name_at, tables);
		if (meant)
			error_hint(check->error, "did you mean \"%s\"?", meant);
		else if (*names)
			error_hint(check->error, "there are: %s", names);
		else
			error_hint(check->error, "it takes no parameters");
		return r;
	}
	return 0;
}

static int fill_absent(const struct check *check, const struct field *field, json_t *object,
		       const char *path)
{
	int r;

	if (field->fallback && !check->output) {
		r = json_put(object, field->name,
			     json_loads(field->fallback, JSON_DECODE_ANY, NULL));
		return r < 0 ? error_set(check->error, ERROR_OUT_OF_MEMORY, NULL,
					 "Memory is exhausted")
			     : 0;
	}
	if (!field->required)
		return 0;
	r = error_set(check->error, ERROR_PARAMETER_MISSING, path, "\"%s\" is required", path);
	error_hint(check->error, "%s: %s", field_type_text(field->type),
		   field->help ?: field->name);
	return r;
}

static bool is_whole(double number)
{
	return fabs(number) <= INTEGER_MOST && number == floor(number);
}

static int check_member(const struct check *check, const struct field *field, json_t *object,
			const char *path)
{
	const json_t *value = json_object_get(object, field->name);

	/* A null argument is one that was not given: that is how models leave things out. */
	if (json_is_null(value)) {
		if (check->output && field->nullable)
			return 0;
		if (!check->output)
			json_object_del(object, field->name);
		value = NULL;
	}
	if (!value)
		return fill_absent(check, field, object, path);
	if (field->type == FIELD_INTEGER && json_is_real(value) &&
	    is_whole(json_real_value(value))) {
		/* 4.0 is an integer to JSON Schema, though not to json_integer_value(). */
		if (json_put(object, field->name,
			     json_integer((json_int_t)json_real_value(value))) < 0)
			return error_set(check->error, ERROR_OUT_OF_MEMORY, NULL,
					 "Memory is exhausted");
		value = json_object_get(object, field->name);
	}
	return field->list ? check_list(check, field, path, value)
			   : check_item(check, field, path, value);
}

static int check_object(const struct check *check, const struct field_tables *tables,
			json_t *object, const char *path)
{
	const struct field *field;
	char full[64];
	int r = check_names(check, tables, object, path);

	for (size_t i = 0; r == 0 && (field = field_tables_at(tables, i)); i++)
		r = check_member(check, field, object,
				 member_path(path, field->name, full, sizeof(full)));
	return r;
}

int fields_validate(const struct field_tables *tables, json_t *arguments, json_t **ret,
		    struct error *error)
{
	const struct check check = {.error = error};
	_cleanup_json_ json_t *object = NULL;
	int r;

	if (arguments && !json_is_object(arguments))
		return error_set(error, ERROR_PARAMETER_TYPE, "arguments",
				 "\"arguments\" must be an object");
	object = arguments ? json_incref(arguments) : json_object();
	if (!object)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "Memory is exhausted");
	r = check_object(&check, tables, object, "");
	if (r < 0)
		return r;
	*ret = TAKE_PTR(object);
	return 0;
}

int fields_check_output(const struct field_tables *tables, const json_t *result,
			struct error *error)
{
	const struct check check = {.output = true, .error = error};

	if (!json_is_object(result))
		return error_set(error, ERROR_PARAMETER_TYPE, "", "The result is not an object");
	return check_object(&check, tables, (json_t *)result, "");
}
