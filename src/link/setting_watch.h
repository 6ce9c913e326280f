/*
 * Watch over the settings of links: intent is looked at again when somebody else changed one.
 *
 * Some the kernel announces (RTM_NEWNETCONF). The others are read several times a second, as long
 * as intent has any, and no more often than what takes a hundredth of a processor.
 */
#pragma once

#include "link.h"

struct setting_watch;

int setting_watch_new(struct setting_watch **ret, struct core *core);
void setting_watch_free(struct setting_watch *watch);
DEFINE_CLEANUP(struct setting_watch *, setting_watch_cleanup, setting_watch_free)

/* ---- of setting_type.c ---- */

/* Does the kernel tell when it changes? */
bool setting_is_announced(const struct setting_spec *spec);
/* What it is now; 0 or a negative errno. */
int setting_read(const struct setting_spec *spec, int32_t *ret);
