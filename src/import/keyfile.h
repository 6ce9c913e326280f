/* What the files of the NetworkManager format share. */
#pragma once

#include "internal.h"

/* "nm.*" holds what is judged when the whole profile is read. */
extern const struct setting keyfile_settings[];
