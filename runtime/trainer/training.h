/* training.h - a run and all that watches it, and its checkpoint: a file from which it goes on to
 * the same bits, whatever has ended it. */
#ifndef DL_TRAINING_H
#define DL_TRAINING_H

#include "history.h"

typedef struct DlTraining {
    const DlOptions *options;
    const DlMeta *meta; /* what prepared the data */
    DlRun run;
    DlRecord record;
    DlHistory history; /* the records of all epochs, from the first on */
    DlWatch stop, reduce; /* as the train block says; unused otherwise */
    unsigned char *best;  /* a copy of the model as it was in the best epoch, or NULL */
    bool has_best;        /* the copy was made */
    bool stopped;         /* by stop_early */
} DlTraining;

/* checkpoint.c: weights "m.safetensors" have the checkpoint "m.checkpoint". */
void dl_checkpoint_path(const char *weights, char *path, size_t size);
/* Written beside, synced, renamed: a failure leaves the previous one as it was. */
bool dl_checkpoint_save(const DlTraining *t, const char *path, DlError *e);
/* Takes over everything; nothing, after an error. `t` is a run that has just been opened. */
bool dl_checkpoint_load(DlTraining *t, const char *path, DlError *e);
/* The weights in a checkpoint, into the model: those of the last step. */
bool dl_checkpoint_weights(const DlSession *s, const char *path, DlError *e);

#endif
