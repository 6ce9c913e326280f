/* The data of DNS records: one table row a type says which fields it has. */
#pragma once

#include "dns_message.h"

/* Does the data of `record` have the fields of its type, and nothing behind them? 0 or -EBADMSG. */
int dns_record_check(const struct dns_message *message, const struct dns_record *record);
