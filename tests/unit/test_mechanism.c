/* test_mechanism.c - mechanisms are left out by name, and only those. A test is a process. */
#include <criterion/criterion.h>

#include "../../compiler/mechanism.h"

Test(mechanism, all_are_at_work) {
    for (int m = 0; m < MECHANISM_COUNT; m++) cr_expect(mechanism_on((Mechanism)m));
}

Test(mechanism, those_of_a_list_are_left_out) {
    cr_assert(mechanism_leave_out("hoist,tiles"));
    for (int m = 0; m < MECHANISM_COUNT; m++)
        cr_expect_eq(mechanism_on((Mechanism)m), m != MECHANISM_hoist && m != MECHANISM_tiles);
}

Test(mechanism, unknown_names_are_refused) {
    cr_expect_not(mechanism_leave_out("hoists"));
    cr_expect_not(mechanism_leave_out("hoist,,tiles"));
    cr_expect_not(mechanism_leave_out("hois"));
    cr_expect(mechanism_leave_out(""));
}
