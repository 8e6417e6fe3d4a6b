/* Trains a model on sixteen rows, asks it about each, and says how many answers are right. */
#include <stdio.h>

#include "parity.h"

enum { ROWS = 16, BITS = 4, STEPS = 1000 };

static void make_rows(float bits[ROWS][BITS], float odd[ROWS]) {
    for (int row = 0; row < ROWS; row++) {
        int ones = 0;
        for (int k = 0; k < BITS; k++) {
            bits[row][k] = (float)(row >> k & 1);
            ones += row >> k & 1;
        }
        odd[row] = (float)(ones % 2);
    }
}

static int failed(int status) {
    if (status) fprintf(stderr, "parity: %s\n", parity_message(status));
    return status;
}

int main(void) {
    float bits[ROWS][BITS], odd[ROWS], probability[ROWS], loss = 0;
    parity *model = parity_create(1);
    parity_work *work = parity_work_create(1);
    int status = model && work ? 0 : 1, right = 0;
    make_rows(bits, odd);
    for (int step = 0; !status && step < STEPS; step++)
        status = failed(parity_train_step(model, work, ROWS, bits[0], odd, &loss));
    if (!status) status = failed(parity_predict(model, work, ROWS, bits[0], probability));
    for (int row = 0; row < ROWS; row++) right += (probability[row] > 0.5f) == (odd[row] > 0.5f);
    if (!status) printf("loss %.4f, %d of %d right\n", (double)loss, right, ROWS);
    parity_work_free(work);
    parity_free(model);
    return status != 0;
}
