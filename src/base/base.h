/*
 * base: what every other room stands on, and nothing that knows of networks beyond an address.
 *
 * Errors with stable codes, the log, the clock, bounds-checked reading and writing, addresses, JSON
 * helpers. This room depends on libc and jansson only.
 */
#pragma once

#include "address.h"
#include "clock.h"
#include "cursor.h"
#include "error.h"
#include "json.h"
#include "log.h"
#include "macro.h"
#include "text.h"
