/*
 * libcurl and GnuTLS, loaded when a web server is first asked: with the libraries that they bring
 * they cost some ten milliseconds of process start, for which a host that comes online shall not
 * wait.
 */
#pragma once

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "base/base.h"

#define HTTP_CURL_FUNCTIONS(X)                                                                     \
	X(curl_easy_init)                                                                          \
	X(curl_easy_cleanup)                                                                       \
	X(curl_easy_setopt)                                                                        \
	X(curl_easy_getinfo)                                                                       \
	X(curl_easy_strerror)                                                                      \
	X(curl_multi_init)                                                                         \
	X(curl_multi_cleanup)                                                                      \
	X(curl_multi_setopt)                                                                       \
	X(curl_multi_add_handle)                                                                   \
	X(curl_multi_remove_handle)                                                                \
	X(curl_multi_socket_action)                                                                \
	X(curl_multi_info_read)                                                                    \
	X(curl_multi_assign)                                                                       \
	X(curl_slist_append)                                                                       \
	X(curl_slist_free_all)                                                                     \
	X(curl_url)                                                                                \
	X(curl_url_cleanup)                                                                        \
	X(curl_url_set)                                                                            \
	X(curl_url_get)                                                                            \
	X(curl_free)

#define HTTP_GNUTLS_FUNCTIONS(X)                                                                   \
	X(gnutls_x509_crt_init)                                                                    \
	X(gnutls_x509_crt_deinit)                                                                  \
	X(gnutls_x509_crt_import)                                                                  \
	X(gnutls_x509_crt_get_dn)                                                                  \
	X(gnutls_x509_crt_get_issuer_dn)                                                           \
	X(gnutls_x509_crt_get_subject_alt_name)                                                    \
	X(gnutls_x509_crt_get_activation_time)                                                     \
	X(gnutls_x509_crt_get_expiration_time)                                                     \
	X(gnutls_x509_trust_list_init)                                                             \
	X(gnutls_x509_trust_list_deinit)                                                           \
	X(gnutls_x509_trust_list_add_system_trust)                                                 \
	X(gnutls_x509_trust_list_verify_crt2)

struct http_library {
#define MEMBER(name) __typeof__(&name) name;
	HTTP_CURL_FUNCTIONS(MEMBER)
	HTTP_GNUTLS_FUNCTIONS(MEMBER)
#undef MEMBER
};

/* They stay loaded. 0, or a negative errno with `error` filled: kernel.unsupported. */
int http_library_load(struct http_library *ret, struct error *error);
