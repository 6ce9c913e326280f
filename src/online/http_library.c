#include "http_library.h"

#include <dlfcn.h>

#define CURL_NAME   "libcurl-gnutls.so.4"
#define GNUTLS_NAME "libgnutls.so.30"

struct symbol {
	const char *name;
	size_t offset;
};

#define SYMBOL(name) {#name, offsetof(struct http_library, name)},

static const struct symbol curl_symbols[] = {HTTP_CURL_FUNCTIONS(SYMBOL)};
static const struct symbol gnutls_symbols[] = {HTTP_GNUTLS_FUNCTIONS(SYMBOL)};

static int load(const char *file, const struct symbol *symbols, size_t count,
		struct http_library *ret, struct error *error)
{
	void *handle = dlopen(file, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);

	if (!handle)
		return error_set(error, ERROR_KERNEL_UNSUPPORTED, NULL,
				 "web servers cannot be asked without %s", file);
	for (size_t i = 0; i < count; i++) {
		void *function = dlsym(handle, symbols[i].name);

		if (!function)
			return error_set(error, ERROR_KERNEL_UNSUPPORTED, NULL, "%s lacks %s", file,
					 symbols[i].name);
		memcpy((uint8_t *)ret + symbols[i].offset, &function, sizeof(function));
	}
	return 0;
}

int http_library_load(struct http_library *ret, struct error *error)
{
	int r = load(CURL_NAME, curl_symbols, ARRAY_SIZE(curl_symbols), ret, error);

	if (r < 0)
		return r;
	return load(GNUTLS_NAME, gnutls_symbols, ARRAY_SIZE(gnutls_symbols), ret, error);
}
