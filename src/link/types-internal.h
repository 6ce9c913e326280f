/* What the resource types of this room share. */
#pragma once

#include "link.h"

/* The mandatory member as text; an error names it when it is absent. */
int spec_member_text(const json_t *object, const char *key, const char **ret, struct error *error);
/* The mandatory member as the name of an interface. */
int spec_member_link(const json_t *object, const char *key, char ret[IFNAMSIZ],
		     struct error *error);
/* An optional number of 32 bits; absent is 0. */
int spec_member_u32(const json_t *object, const char *key, uint32_t *ret, struct error *error);
/* An optional address; absent is unset. */
int spec_member_address(const json_t *object, const char *key, struct ip_address *ret,
			struct error *error);

/* Is the text a name that the kernel would take for an interface? */
bool link_name_valid(const char *name);

/* What the kernel said of a failed request, in our words: kernel.refused, kernel.unsupported, ...
 */
int kernel_error(struct core *core, int r, const char *what, struct error *error);
