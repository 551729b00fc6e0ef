/* Every access to a table is behind a check of its length. */
#include "smp/fadt.h"

#include <asm/errno.h>

#include "lib/string.h"

/* FADT fields (section 5.2.9): offsets in the table; more are in fadt.h. */
#define FADT_SMI_COMMAND    48U
#define FADT_ACPI_ENABLE    52U
#define FADT_PM1A_CONTROL   64U
#define FADT_PM1B_CONTROL   68U
#define FADT_PM_TIMER       76U
#define FADT_FLAGS          112U
#define FADT_BOOT_ARCH      109U
#define FADT_SIZE_1_0       116U /* where an ACPI 1.0 table ends */
#define FADT_RESET          116U
#define FADT_RESET_VALUE    128U
#define FADT_X_PM1A_CONTROL 172U
#define FADT_X_PM1B_CONTROL 184U
#define FADT_X_PM_TIMER     208U
#define FADT_SLEEP_CONTROL  244U

#define FADT_FLAG_RESET_SUPPORTED  (1U << 10)
#define FADT_FLAG_HARDWARE_REDUCED (1U << 20)

/* Section 5.2.9.3; the revision of the table from when on the bit means that, reserved before (as is
 * HARDWARE_REDUCED before 5). */
#define FADT_REVISION 8U
#define ARCH_8042     (1U << 1) /* 3: there is one */
#define ARCH_NO_VGA   (1U << 2) /* 4 */
#define ARCH_NO_RTC   (1U << 5) /* 5 */

#define GAS_SIZE 12U

/* All zeros when the table, of an earlier revision, ends before the field. */
static struct acpi_register load_register(const uint8_t *fadt, size_t length, size_t at)
{
    if (length < at + GAS_SIZE)
        return (struct acpi_register){0};
    return (struct acpi_register){
        .space = fadt[at],
        .address = load64(fadt, at + 4),
    };
}

static struct acpi_register choose_register(const uint8_t *fadt, size_t length, size_t extended_at,
                                            size_t port_at)
{
    struct acpi_register extended = load_register(fadt, length, extended_at);
    if (extended.address)
        return extended;
    return (struct acpi_register){
        .space = ACPI_SPACE_IO,
        .address = load32(fadt, port_at),
    };
}

int acpi_parse_fadt(const void *fadt, size_t length, struct acpi_fadt *out,
                    struct parse_error *error)
{
    if (length < FADT_SIZE_1_0)
        return parse_fail(error, -EINVAL, length, "FADT too short");
    const uint8_t *bytes = fadt;
    uint32_t flags = load32(fadt, FADT_FLAGS), boot_arch = load16(fadt, FADT_BOOT_ARCH);
    uint8_t revision = bytes[FADT_REVISION];
    uint64_t x_dsdt = length >= FADT_X_DSDT + 8 ? load64(fadt, FADT_X_DSDT) : 0;
    *out = (struct acpi_fadt){
        .dsdt = x_dsdt ? x_dsdt : load32(fadt, FADT_DSDT),
        .smi_command = load32(fadt, FADT_SMI_COMMAND),
        .acpi_enable = bytes[FADT_ACPI_ENABLE],
        .hardware_reduced = revision >= 5 && (flags & FADT_FLAG_HARDWARE_REDUCED),
        .no_8042 = revision >= 3 && !(boot_arch & ARCH_8042),
        .no_vga = revision >= 4 && (boot_arch & ARCH_NO_VGA),
        .no_rtc = revision >= 5 && (boot_arch & ARCH_NO_RTC),
    };
    if (out->hardware_reduced) {
        out->sleep_control = load_register(bytes, length, FADT_SLEEP_CONTROL);
    } else {
        out->pm1a_control = choose_register(bytes, length, FADT_X_PM1A_CONTROL, FADT_PM1A_CONTROL);
        out->pm1b_control = choose_register(bytes, length, FADT_X_PM1B_CONTROL, FADT_PM1B_CONTROL);
        out->pm_timer = choose_register(bytes, length, FADT_X_PM_TIMER, FADT_PM_TIMER);
    }
    if (flags & FADT_FLAG_RESET_SUPPORTED && length > FADT_RESET_VALUE) {
        out->reset = load_register(bytes, length, FADT_RESET);
        out->reset_value = bytes[FADT_RESET_VALUE];
    }
    return 0;
}

/* IA-PC HPET 1.0a, 3.2.4. */
#define HPET_TABLE_SIZE 56U
#define HPET_BASE       40U

int acpi_parse_hpet(const void *hpet, size_t length, uint64_t *address, struct parse_error *error)
{
    if (length < HPET_TABLE_SIZE)
        return parse_fail(error, -EINVAL, length, "HPET table too short");
    const struct acpi_register base = load_register(hpet, length, HPET_BASE);
    if (base.space != ACPI_SPACE_MEMORY)
        return parse_fail(error, -EINVAL, HPET_BASE, "registers not in memory");
    if (!base.address || base.address % 8)
        return parse_fail(error, -EINVAL, HPET_BASE + 4, "impossible address of the registers");
    *address = base.address;
    return 0;
}

/* AML opcodes (section 20.2). */
#define AML_ZERO    0x00
#define AML_ONE     0x01
#define AML_NAME    0x08
#define AML_BYTE    0x0a
#define AML_WORD    0x0b
#define AML_DWORD   0x0c
#define AML_PACKAGE 0x12
#define AML_ROOT    '\\'

/* Reads an integer at *at, before end, and moves *at behind it. */
static bool aml_integer(const uint8_t *aml, size_t end, size_t *at, uint32_t *out)
{
    if (*at >= end)
        return false;
    uint8_t opcode = aml[(*at)++];
    if (opcode == AML_ZERO || opcode == AML_ONE) {
        *out = opcode;
        return true;
    }
    size_t size = opcode == AML_BYTE ? 1 : opcode == AML_WORD ? 2 : opcode == AML_DWORD ? 4 : 0;
    if (size == 0 || size > end - *at)
        return false;
    *out = 0;
    memcpy(out, aml + *at, size);
    *at += size;
    return true;
}

/* Whether a package of at least two integers from 0 to 7 (SLP_TYP has three bits) begins at `at`.
 */
static bool aml_sleep_package(const uint8_t *aml, size_t length, size_t at, uint8_t *type_a,
                              uint8_t *type_b)
{
    if (length - at < 2 || aml[at] != AML_PACKAGE)
        return false;
    at++;
    /* PkgLength (section 20.2.4): the lead byte's top two bits count the bytes that follow it; the
     * length includes all of its own bytes. */
    size_t following = aml[at] >> 6;
    if (length - at <= following)
        return false;
    size_t package = following ? aml[at] & 0x0f : aml[at] & 0x3f;
    for (size_t i = 1; i <= following; i++)
        package |= (size_t)aml[at + i] << (8 * i - 4);
    if (package > length - at)
        return false;
    size_t end = at + package;
    at += 1 + following;
    if (at >= end || aml[at] < 2)
        return false;
    at++;
    uint32_t a;
    uint32_t b;
    if (!aml_integer(aml, end, &at, &a) || !aml_integer(aml, end, &at, &b) || a > 7 || b > 7)
        return false;
    *type_a = (uint8_t)a;
    *type_b = (uint8_t)b;
    return true;
}

int acpi_parse_s5(const void *dsdt, size_t length, uint8_t *type_a, uint8_t *type_b)
{
    const uint8_t *aml = dsdt;
    for (size_t at = ACPI_HEADER_SIZE; at < length && length - at > 6; at++) {
        if (aml[at] != AML_NAME)
            continue;
        size_t name = at + 1 + (aml[at + 1] == AML_ROOT);
        if (memcmp(aml + name, "_S5_", 4) == 0 &&
            aml_sleep_package(aml, length, name + 4, type_a, type_b))
            return 0;
    }
    return -ENOENT;
}
