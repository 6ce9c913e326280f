/*
 * base: what every other room stands on, and nothing that knows of networks beyond an address.
 *
 * Errors with stable codes, the log, the clock, bounds-checked reading and writing, addresses, JSON
 * helpers. This room depends on libc and jansson only.
 *
 *     error.h    what a person or an agent reads when something is wrong; error_codes.h lists all
 *     log.h      one line a fact, on stderr
 *     clock.h    time in microseconds
 *     cursor.h   reading and writing bytes from outside, bounds checked
 *     address.h  addresses, prefixes, hardware addresses
 *     json.h     what jansson lacks
 *     text.h     text in buffers of fixed size
 *     intern.h   texts that many hold, kept once
 *     text_buffer.h  text that grows, and JSON in it
 *     macro.h    scope cleanup, ownership transfer
 */
#pragma once

#include "address.h"
#include "clock.h"
#include "cursor.h"
#include "error.h"
#include "intern.h"
#include "json.h"
#include "log.h"
#include "macro.h"
#include "text.h"
#include "text_buffer.h"
