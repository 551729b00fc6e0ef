/* Memory and string functions. The bulk moves eight bytes a step; rep with a count of zero does
 * nothing, so short lengths need no branch. */
#include "lib/string.h"
#include <stdint.h>

static void copy_up(void *dst, const void *src, size_t n)
{
    size_t words = n / 8, rest = n % 8;
    asm volatile("rep movsq\n\t"
                 "mov %[rest], %%rcx\n\t"
                 "rep movsb"
                 : "+&D"(dst), "+&S"(src), "+&c"(words)
                 : [rest] "r"(rest)
                 : "memory");
}

void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
    copy_up(dst, src, n);
    return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
    typedef uint64_t __attribute__((may_alias, aligned(1))) word;

    if ((uintptr_t)dst - (uintptr_t)src >= n) { /* dst below src, or wholly above it */
        copy_up(dst, src, n);
        return dst;
    }
    /* Downwards without the direction flag: an NMI would meet it set. The barrier keeps the
     * compiler from seeing a memmove in these loops and calling it. */
    for (; n >= 8; n -= 8) {
        *(word *)((char *)dst + n - 8) = *(const word *)((const char *)src + n - 8);
        asm volatile("" : : : "memory");
    }
    for (; n > 0; n--) {
        ((char *)dst)[n - 1] = ((const char *)src)[n - 1];
        asm volatile("" : : : "memory");
    }
    return dst;
}

void *memset(void *dst, int byte, size_t n)
{
    void *at = dst;
    size_t words = n / 8, rest = n % 8;
    asm volatile("rep stosq\n\t"
                 "mov %[rest], %%rcx\n\t"
                 "rep stosb"
                 : "+&D"(at), "+&c"(words)
                 : "a"((uint8_t)byte * 0x0101010101010101UL), [rest] "r"(rest)
                 : "memory");
    return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const unsigned char *x = a, *y = b;
    for (size_t i = 0; i < n; i++) {
        if (x[i] != y[i])
            return x[i] - y[i];
    }
    return 0;
}

size_t strnlen(const char *s, size_t max)
{
    size_t length = 0;
    while (length < max && s[length])
        length++;
    return length;
}

size_t strlen(const char *s)
{
    return strnlen(s, SIZE_MAX);
}

int strncmp(const char *a, const char *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (a[i] != b[i] || !a[i])
            return (unsigned char)a[i] - (unsigned char)b[i];
    }
    return 0;
}

int strcmp(const char *a, const char *b)
{
    return strncmp(a, b, SIZE_MAX);
}

bool string_copy(char *dst, const char *src, size_t size)
{
    size_t length = strnlen(src, size);
    bool fits = length < size;
    if (!fits)
        length = size - 1;
    memcpy(dst, src, length);
    dst[length] = '\0';
    return fits;
}
