/*
 * Files of any of the formats: a layout comes out, and what stands behind "psk" or "PrivateKey" in
 * a file does not. The first byte chooses the format, the second how the rest is parted into files.
 */
#include <stdlib.h>
#include <string.h>

#include "../unit/layout.h"
#include "fuzz.h"
#include "import/import.h"

#define FILES 3

static const struct import_link host[] = {
	{"lo", "", "", "", "loopback"},
	{"eth0", "02:00:00:00:00:01", "02:00:00:00:00:01", "virtio_net", "ethernet"},
	{"wlan0", "02:00:00:00:00:02", "", "iwlwifi", "wifi"},
	{"br0", "02:00:00:00:00:03", "", "bridge", "bridge"},
};

static const char *const names[][FILES] = {
	{"50-a.yaml", "60-b.yaml", "70-c.yaml"},
	{"10-a.network", "10-a.network.d/b.conf", "c.netdev"},
	{"a.nmconnection", "b.nmconnection", "c.nmconnection"},
	{"interfaces", "interfaces.d/a", "interfaces.d/b"},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_json_ json_t *document = NULL, *untranslated = NULL;
	struct import_file files[FILES];
	struct import_request request = {.files = files, .links = host, .links_count = 4};
	unsigned format;
	char *text, *rest;

	if (size < 2)
		return 0;
	format = data[0] % 4;
	request.format = import_formats[format];
	request.files_count = 1 + data[1] % FILES;
	text = rest = calloc(1, size);
	FUZZ_CHECK(text);
	memcpy(text, data + 2, size - 2);
	for (size_t i = 0; i < FILES; i++) {
		char *feed = strchr(rest, '\f');

		files[i] = (struct import_file){names[format][i], rest};
		rest = feed ? feed + 1 : rest + strlen(rest);
		if (feed)
			*feed = '\0';
	}
	if (import_translate(&request, &document, &untranslated, NULL) == 0)
		layout_check(document, untranslated);
	free(text);
	return 0;
}
