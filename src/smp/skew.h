/* Whether all CPUs tell the same time. */
#pragma once

/* Compares each online CPU's TSC with the boot CPU's and says in the log how far they agree, or which
 * differ. Bounded, whoever answers or does not. Boot CPU, before the first program; the others are
 * idle. */
void skew_measure(void);

/* A CPU's part in it, by interrupt (VECTOR_SKEW). */
void skew_answer(void);
