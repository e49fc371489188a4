/* What lwIP must know of this compiler and kernel. */
#pragma once

#include <stdint.h>

#define BYTE_ORDER         LITTLE_ENDIAN
#define LWIP_NO_INTTYPES_H 1
#define LWIP_NO_LIMITS_H   1
#define LWIP_NO_CTYPE_H    1
#define LWIP_NO_UNISTD_H   1
#define X8_F               "02x"
#define U16_F              "u"
#define S16_F              "d"
#define X16_F              "x"
#define U32_F              "u"
#define S32_F              "d"
#define X32_F              "x"
#define SZT_F              "zu"
#define INT_MAX            __INT_MAX__
#define SSIZE_MAX          __LONG_MAX__
typedef long ssize_t;

uint32_t port_random(void);
void port_assert_failed(const char *message, const char *file, int line) __attribute__((noreturn));

#define LWIP_RAND() port_random()
#define LWIP_PLATFORM_DIAG(x)
#define LWIP_PLATFORM_ASSERT(message) port_assert_failed(message, __FILE__, __LINE__)
