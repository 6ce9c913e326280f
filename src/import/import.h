/*
 * import: what another network manager was told, as a layout of ours.
 *
 * Whoever comes from systemd-networkd, netplan, NetworkManager or ifupdown has his network written
 * down already. This room reads those files and makes the document that net.apply takes, and a list
 * of every setting that has no equivalent, each with its file, line and reason: nothing is left out
 * in silence. It reads no file and asks no kernel: names and contents come in, JSON goes out.
 *
 *     import.c      from a request to an answer; formats.c: which formats and files there are
 *     draft.c       the document while it is being made
 *     settings.c    what a setting's value can become: addresses, numbers, choices
 *     commands.c    `ip route`, `ip rule` and their like, as words
 *     match.c       which of the host's links a file speaks of
 *     ini.c         sections and keys, as networkd and NetworkManager write them
 *     yaml.c        YAML as a tree that knows its lines, several files laid over each other
 *     ifupdown.c networkd.c keyfile.c netplan.c    the formats, beside their tables
 *
 * A format is a table of settings (internal.h): a new key is one row.
 *
 * Secrets. A pre-shared key of a wireless network or a private key of a tunnel is never copied, nor
 * is the value of any setting into the list: only values that were understood as an address, a
 * number, a name or one of a few words reach the document.
 */
#pragma once

#include "base/base.h"

#define IMPORT_FILES_MAX 256
#define IMPORT_BYTES_MAX ((size_t)768 * 1024) /* of all contents together */

struct import_file {
	const char *name; /* a path, or the last part of one: formats go by endings and folders */
	const char *content;
};

/* What there is on the host, for settings that speak of links by a pattern. Absent texts are "". */
struct import_link {
	const char *name;
	const char *mac, *permanent_mac; /* 02:00:00:00:00:01 */
	const char *driver;
	const char *kind; /* link_kind_text() */
};

struct import_request {
	const char *format; /* one of import_formats */
	const struct import_file *files;
	size_t files_count;
	const struct import_link *links;
	size_t links_count;
};

/* "netplan", "networkd", "networkmanager", "ifupdown"; ended by NULL. */
extern const char *const import_formats[];

/*
 * Translates. `ret_document` is a layout: {"links": [...], "routes": [...], "rules": [...]}, the
 * latter two where there are any. `ret_untranslated` is an array of {file, line, setting, why}, in
 * the order in which they were met. A file that cannot be read at all is an entry of the list too.
 *
 * Returns 0 or a negative errno with `error` filled: parameter.range for an unknown format,
 * request.too_large beyond the limits above or when the patterns of few files would make a document
 * beyond all measure, memory.exhausted.
 */
int import_translate(const struct import_request *request, json_t **ret_document,
		     json_t **ret_untranslated, struct error *error);

/* Is a file of this name one that the format reads? For who has a folder. */
bool import_reads_file(const char *format, const char *name);
/* Has a folder of this name within such a folder more of them? */
bool import_reads_folder(const char *format, const char *name);
