/* Stands in for the Unikraft version that real images carry. */
#pragma once

#define GUEST_VERSION "0.17.0~holm"
