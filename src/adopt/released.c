#include "released.h"

#include <string.h>

#include "evidence.h"

#define STORE_KIND "adopted"

static void boot_id_read(char buffer[64])
{
	ssize_t length = evidence_read("/proc/sys/kernel/random/boot_id", buffer, 63);

	buffer[length > 0 ? length : 0] = '\0';
	buffer[strcspn(buffer, "\n")] = '\0';
}

void released_remember(struct core *core, const char *link)
{
	char boot[64];
	_cleanup_json_ json_t *json = NULL;

	boot_id_read(boot);
	json = json_pack("{s:s}", "boot", boot);
	if (!json || store_put(core_store(core), STORE_KIND, link, json) < 0)
		core_publish(core, "store.failed", NULL, "the adoption of %s could not be kept",
			     link);
}

bool released_is_known(struct core *core, const char *link)
{
	_cleanup_json_ json_t *json = NULL;
	const char *known;
	char boot[64];

	if (store_get(core_store(core), STORE_KIND, link, &json) < 0)
		return false;
	known = json_member_text(json, "boot");
	boot_id_read(boot);
	return known && strcmp(known, boot) == 0;
}
