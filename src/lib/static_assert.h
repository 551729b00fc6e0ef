/* <assert.h> is the C library's, not a freestanding header. */
#pragma once

#define static_assert _Static_assert
