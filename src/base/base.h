/* What every file needs. Include it first among our own headers. */
#ifndef HOLM_BASE_BASE_H
#define HOLM_BASE_BASE_H

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/str.h"

#include "base/banned.h"

#endif
