/*
 * suggest: what to configure where no DHCP server answers.
 *
 * Every network chats: hosts ask for their gateway, announce services, send broadcasts. What a link
 * lets us hear is recorded as plain values, and a pure function infers from the record which subnet
 * is spoken here, who the gateway is and which address nobody uses, each with its evidence.
 *
 *     observation.h  what was heard, taken out of frames
 *     record.h       all of it, within bounds
 *     proxies.h      who answers for everybody
 *     infer.h        from observations to a suggestion
 *     listen.h       listens on a link, probes politely, and suggests
 */
#pragma once

#include "infer.h"
#include "listen.h"
#include "observation.h"
#include "proxies.h"
#include "record.h"
