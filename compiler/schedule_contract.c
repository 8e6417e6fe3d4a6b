/* schedule_contract.c - contractions: sums of products of two loads. */
#include "schedule.h"

bool schedule_contraction(Builder *b) {
    (void)b;
    return false;
}
