#include "http_certificate.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define CHAIN_MAX 10
#define NAMES_MAX 64
#define TEXT_MAX  512
#define DAY	  86400

struct chain {
	const struct http_library *library;
	gnutls_x509_crt_t certificates[CHAIN_MAX];
	unsigned count;
};

static void chain_clear(struct chain *chain)
{
	for (unsigned i = 0; i < chain->count; i++)
		chain->library->gnutls_x509_crt_deinit(chain->certificates[i]);
}

static void chain_add(struct chain *chain, const char *pem)
{
	gnutls_datum_t data = {(unsigned char *)pem, (unsigned)strlen(pem)};
	gnutls_x509_crt_t certificate;

	if (chain->count == CHAIN_MAX || chain->library->gnutls_x509_crt_init(&certificate) < 0)
		return;
	if (chain->library->gnutls_x509_crt_import(certificate, &data, GNUTLS_X509_FMT_PEM) < 0)
		chain->library->gnutls_x509_crt_deinit(certificate);
	else
		chain->certificates[chain->count++] = certificate;
}

static void chain_read(struct chain *chain, const struct curl_certinfo *info)
{
	for (int i = 0; i < info->num_of_certs; i++)
		for (const struct curl_slist *line = info->certinfo[i]; line; line = line->next)
			if (strncmp(line->data, "Cert:", 5) == 0)
				chain_add(chain, line->data + 5);
}

/* What GnuTLS finds, the gravest first. */
static const struct {
	unsigned status;
	const char *reason;
} reasons[] = {
	{GNUTLS_CERT_REVOKED, "it has been revoked"},
	{GNUTLS_CERT_SIGNATURE_FAILURE, "its signature is wrong"},
	{GNUTLS_CERT_EXPIRED, "it has expired"},
	{GNUTLS_CERT_NOT_ACTIVATED, "it is not valid yet"},
	{GNUTLS_CERT_UNEXPECTED_OWNER, "it is for other names"},
	{GNUTLS_CERT_SIGNER_NOT_FOUND, "nobody whom this host trusts has signed it"},
	{GNUTLS_CERT_SIGNER_NOT_CA, "who signed it may not sign"},
	{GNUTLS_CERT_INSECURE_ALGORITHM, "it is signed by a weak algorithm"},
	{GNUTLS_CERT_PURPOSE_MISMATCH, "it is not for servers"},
	{GNUTLS_CERT_INVALID, "it does not hold"},
};

/* NULL when it holds. */
static const char *verify(const struct chain *chain, const char *host)
{
	const struct http_library *library = chain->library;
	gnutls_typed_vdata_st name = {GNUTLS_DT_DNS_HOSTNAME, (unsigned char *)host, 0};
	gnutls_x509_trust_list_t trust;
	unsigned status = 0;
	int r;

	if (library->gnutls_x509_trust_list_init(&trust, 0) < 0)
		return "memory is exhausted";
	r = library->gnutls_x509_trust_list_add_system_trust(trust, 0, 0);
	if (r >= 0)
		r = library->gnutls_x509_trust_list_verify_crt2(
			trust, (gnutls_x509_crt_t *)chain->certificates, chain->count, &name, 1, 0,
			&status, NULL);
	library->gnutls_x509_trust_list_deinit(trust, 1);
	if (r < 0)
		return "this host has no authorities that it trusts";
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
		if (status & reasons[i].status)
			return reasons[i].reason;
	return status ? "it does not hold" : NULL;
}

static json_t *name_json(int type, const char *name, size_t size)
{
	struct ip_address address;

	if (type == GNUTLS_SAN_DNSNAME || type == GNUTLS_SAN_URI)
		return json_text_from_bytes(name, size);
	if (type != GNUTLS_SAN_IPADDRESS || (size != 4 && size != 16))
		return NULL;
	address = ip_address_from_bytes(size == 4 ? AF_INET : AF_INET6, name);
	return json_address(&address);
}

static json_t *names_json(const struct chain *chain)
{
	_cleanup_json_ json_t *names = json_array();

	for (unsigned i = 0; i < NAMES_MAX; i++) {
		char name[TEXT_MAX];
		size_t size = sizeof(name);
		int type =
			chain->library->gnutls_x509_crt_get_subject_alt_name(chain->certificates[0],
									     i, name, &size, NULL);
		json_t *json;

		if (type < 0)
			break;
		json = name_json(type, name, size);
		if (json && json_array_append_new(names, json) < 0)
			return NULL;
	}
	return TAKE_PTR(names);
}

static json_t *realtime_json(time_t seconds)
{
	return json_realtime((usec_t)MAX(seconds, (time_t)0) * USEC_PER_SEC);
}

static json_t *chain_json(const struct chain *chain, const char *host, time_t now)
{
	const struct http_library *library = chain->library;
	_cleanup_json_ json_t *object = json_object();
	gnutls_x509_crt_t first = chain->certificates[0];
	time_t from = library->gnutls_x509_crt_get_activation_time(first);
	time_t until = library->gnutls_x509_crt_get_expiration_time(first);
	const char *reason = verify(chain, host);
	char text[TEXT_MAX];
	size_t size = sizeof(text);
	int r = 0;

	if (library->gnutls_x509_crt_get_dn(first, text, &size) >= 0)
		r |= json_put(object, "subject", json_text_from_bytes(text, strlen(text)));
	size = sizeof(text);
	if (library->gnutls_x509_crt_get_issuer_dn(first, text, &size) >= 0)
		r |= json_put(object, "issuer", json_text_from_bytes(text, strlen(text)));
	r |= json_put(object, "names", names_json(chain));
	r |= json_put(object, "valid_from", realtime_json(from));
	r |= json_put(object, "valid_until", realtime_json(until));
	r |= json_put(object, "days_left", json_integer((until - now) / DAY));
	r |= json_put(object, "verified", json_boolean(!reason));
	if (reason)
		r |= json_put(object, "reason", json_string(reason));
	return r < 0 ? NULL : TAKE_PTR(object);
}

json_t *http_certificate_to_json(const struct http_library *library,
				 const struct curl_certinfo *info, const char *host, time_t now)
{
	struct chain chain = {.library = library};
	json_t *json;

	chain_read(&chain, info);
	json = chain.count > 0 ? chain_json(&chain, host, now) : NULL;
	chain_clear(&chain);
	return json;
}
