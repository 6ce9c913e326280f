/* A DNS answer: parsed, and all that was accepted printed. */
#include "online/dns_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dns_message message;
	char name[DNS_NAME_TEXT_MAX];

	if (dns_message_parse(data, size, &message) < 0)
		return 0;
	if (message.question)
		dns_message_name(&message, message.question_name, name);
	for (unsigned i = 0; i < message.records_count; i++) {
		const struct dns_record *record = &message.records[i];
		struct ip_address address;
		json_t *json = dns_record_to_json(&message, record);

		/* What the parser accepted can be shown, whole. */
		if (!json || !dns_message_name(&message, record->name, name)[0])
			__builtin_trap();
		json_decref(json);
		dns_record_address(&message, record, &address);
	}
	return 0;
}
