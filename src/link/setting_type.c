/*
 * Resource type `setting`: what the kernel does with a link's packets, its sysctls. What the
 * setting was before comes back when it is released.
 *
 * They are written below /proc/sys/net, which shows each process the settings of its own network
 * namespace, because rtnetlink sets no IPv6 ones, and IPv4 ones without their side effects (the
 * kernel turns large receive offload off on a link that forwards).
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel_error.h"
#include "setting_rows.h"
#include "setting_watch.h"

#define SETTING_PATH_MAX 128

static const struct setting_row {
	const char *name;
	const char *family; /* folder below /proc/sys/net */
	const char *file;
	int32_t least, most;
	bool announced; /* the kernel tells when it changes (RTM_NEWNETCONF) */
} rows[] = {
#define ROW(name_, family_, file_, least_, most_, announced_)                                      \
	{#name_, #family_, #file_, least_, most_, announced_},
	SETTING_ROWS(ROW)
#undef ROW
};

static const struct setting_row *setting_row(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (strcmp(rows[i].name, name) == 0)
			return &rows[i];
	return NULL;
}

bool setting_is_announced(const struct setting_spec *spec)
{
	const struct setting_row *row = setting_row(spec->name);

	return row && row->announced;
}

static int name_unknown(const char *name, struct error *error)
{
	char names[sizeof(error->hint)] = "";
	size_t length = 0;
	int r = error_set(error, ERROR_PARAMETER_RANGE, "name", "there is no setting '%.32s'",
			  name);

	for (size_t i = 0; i < ARRAY_SIZE(rows) && length < sizeof(names); i++)
		length += (size_t)snprintf(names + length, sizeof(names) - length, "%s%s",
					   i ? ", " : "one of ", rows[i].name);
	error_hint(error, "%s", names);
	return r;
}

static int setting_parse(const json_t *object, void *ret_spec, struct error *error)
{
	struct setting_spec *spec = ret_spec;
	const json_t *value = json_object_get(object, "value");
	const struct setting_row *row;
	const char *name;
	int r = spec_member_link(object, "link", spec->link, error);

	if (r >= 0)
		r = spec_member_text(object, "name", &name, error);
	if (r < 0)
		return r;
	/* The kernel's folders for all links at once, and for those to come. */
	if (strcmp(spec->link, "all") == 0 || strcmp(spec->link, "default") == 0)
		return error_set(error, ERROR_NAME_INVALID, "link",
				 "a setting is of one link, not of '%s'", spec->link);
	row = setting_row(name);
	if (!row)
		return name_unknown(name, error);
	if (!value)
		return error_set(error, ERROR_PARAMETER_MISSING, "value", "'value' is missing");
	if (!json_is_integer(value))
		return error_set(error, ERROR_PARAMETER_TYPE, "value", "'value' must be a number");
	if (json_integer_value(value) < row->least || json_integer_value(value) > row->most)
		return error_set(error, ERROR_PARAMETER_RANGE, "value",
				 "'value' of %s must be between %d and %d", name, row->least,
				 row->most);
	text_copy(spec->name, sizeof(spec->name), name);
	spec->value = (int32_t)json_integer_value(value);
	return 0;
}

static json_t *setting_print(const void *data)
{
	const struct setting_spec *spec = data;

	return json_pack("{s:s,s:s,s:i}", "link", spec->link, "name", spec->name, "value",
			 (int)spec->value);
}

static void setting_key(const void *data, char buffer[RESOURCE_KEY_MAX])
{
	const struct setting_spec *spec = data;

	snprintf(buffer, RESOURCE_KEY_MAX, "%s/%s", spec->link, spec->name);
}

static unsigned setting_needs(const void *data, const char *ret[RESOURCE_LINKS_MAX])
{
	ret[0] = ((const struct setting_spec *)data)->link;
	return 1;
}

/* The file of the setting, or -EINVAL for what is none. */
static int setting_open(const struct setting_spec *spec, int flags)
{
	const struct setting_row *row = setting_row(spec->name);
	char path[SETTING_PATH_MAX];
	int fd;

	if (!row)
		return -EINVAL;
	snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%s/%s", row->family, spec->link,
		 row->file);
	fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

int setting_read(const struct setting_spec *spec, int32_t *ret)
{
	char text[16];
	ssize_t length;
	int fd = setting_open(spec, O_RDONLY), r;

	if (fd < 0)
		return fd;
	length = read(fd, text, sizeof(text) - 1);
	r = length < 0 ? -errno : 0;
	close(fd);
	if (r < 0)
		return r;
	text[length] = '\0';
	*ret = (int32_t)strtol(text, NULL, 10);
	return 0;
}

static int setting_write(const struct setting_spec *spec)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%d\n", spec->value);
	int fd = setting_open(spec, O_WRONLY), r;

	if (fd < 0)
		return fd;
	r = write(fd, text, (size_t)length) < 0 ? -errno : 0;
	close(fd);
	return r;
}

static int setting_observe(struct core *core, const void *wanted, void *ret_spec)
{
	const struct setting_spec *spec = wanted;
	struct setting_spec *ret = ret_spec;

	if (!observed_link_by_name(core_observed(core), spec->link))
		return -ENODEV;
	*ret = *spec;
	return setting_read(spec, &ret->value) < 0 ? 0 : 1;
}

static bool setting_satisfied(const void *wanted, const void *observed)
{
	return ((const struct setting_spec *)wanted)->value ==
	       ((const struct setting_spec *)observed)->value;
}

static void setting_restore(const void *previous, const void *baseline, void *wanted)
{
	struct setting_spec *w = wanted;

	if (!w->link[0])
		*w = *(const struct setting_spec *)baseline;
}

static int setting_refused(const struct setting_spec *spec, int r, struct error *error)
{
	const struct setting_row *row = setting_row(spec->name);

	if (r == -ENOENT && row) {
		r = error_set(error, ERROR_KERNEL_UNSUPPORTED, "name",
			      "this kernel has no setting %s for %s", spec->name, spec->link);
		error_hint(error, "it would be net.%s.conf.%s.%s", row->family, spec->link,
			   row->file);
		return r;
	}
	r = error_set(error, ERROR_KERNEL_REFUSED, "value", "%s of %s cannot be %d: %s", spec->name,
		      spec->link, spec->value, strerror(-r));
	error_hint(error, "/proc/sys must be writable");
	return r;
}

static int setting_apply(struct core *core, const void *before, const void *after,
			 struct error *error)
{
	const struct setting_spec *spec = after;
	int r;

	/* A setting is always there; without a former state it stays as it is. */
	if (!spec)
		return 0;
	if (!observed_link_by_name(core_observed(core), spec->link))
		return error_set(error, ERROR_LINK_UNKNOWN, "link", "there is no interface '%s'",
				 spec->link);
	r = setting_write(spec);
	return r < 0 ? setting_refused(spec, r, error) : 0;
}

const struct resource_type setting_type = {
	.name = "setting",
	.order = 18,
	.spec_size = sizeof(struct setting_spec),
	.parse = setting_parse,
	.print = setting_print,
	.key = setting_key,
	.needs = setting_needs,
	.observe = setting_observe,
	.satisfied = setting_satisfied,
	.restore = setting_restore,
	.apply = setting_apply,
};
