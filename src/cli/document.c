#include "document.h"

#include <stdio.h>
#include <string.h>

/* A document that is larger than the daemon takes at once is told of by the daemon. */
static int document_read(const char *path, json_t **ret, struct error *error)
{
	json_error_t fault;
	json_t *document = strcmp(path, "-") == 0
				   ? json_loadf(stdin, JSON_REJECT_DUPLICATES, &fault)
				   : json_load_file(path, JSON_REJECT_DUPLICATES, &fault);
	int r;

	if (!document) {
		r = error_set(error, ERROR_PARAMETER_TYPE, "@FILE", "%.100s: %s", path, fault.text);
		if (fault.line > 0)
			error_hint(error, "line %d, column %d", fault.line, fault.column);
		return r;
	}
	if (!json_is_object(document)) {
		json_decref(document);
		return error_set(error, ERROR_PARAMETER_TYPE, "@FILE",
				 "%.100s holds no JSON object", path);
	}
	*ret = document;
	return 0;
}

int document_or_words(arguments_parser_t parse, const json_t *schema, int count, char *const *words,
		      json_t **ret, struct error *error)
{
	_cleanup_json_ json_t *document = NULL, *optional = NULL, *given = NULL;
	int r;

	if (count == 0 || words[0][0] != '@')
		return parse(schema, count, words, ret, error);
	r = document_read(words[0] + 1, &document, error);
	if (r < 0)
		return r;
	/* What is required may be in the document: the daemon says what is missing. */
	optional = json_copy((json_t *)schema);
	if (optional)
		json_object_del(optional, "required");
	r = parse(optional, count - 1, words + 1, &given, error);
	if (r < 0)
		return r;
	if (json_object_update(document, given) < 0)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "memory is exhausted");
	*ret = TAKE_PTR(document);
	return 0;
}
