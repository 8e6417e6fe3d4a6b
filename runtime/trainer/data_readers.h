/* data_readers.h - the entry points of the readers, for the table in data.c. */
#ifndef DL_DATA_READERS_H
#define DL_DATA_READERS_H

#include "reader.h"

bool dl_read_cifar10(DlReading *r); /* data_cifar10.c */
bool dl_read_mnist(DlReading *r);   /* data_idx.c */
bool dl_read_fashion_mnist(DlReading *r);
bool dl_read_idx(DlReading *r);
bool dl_read_imdb(DlReading *r); /* data_imdb.c */
bool dl_prepare_imdb(DlReading *r, const char *path, DlSplit *out);
bool dl_read_digits(DlReading *r); /* data_csv.c */
bool dl_read_csv(DlReading *r);
bool dl_prepare_csv(DlReading *r, const char *path, DlSplit *out);
bool dl_read_characters(DlReading *r); /* data_characters.c */
bool dl_prepare_characters(DlReading *r, const char *path, DlSplit *out);
bool dl_read_series(DlReading *r); /* data_series.c */
bool dl_prepare_series(DlReading *r, const char *path, DlSplit *out);
bool dl_read_npy(DlReading *r);    /* data_npy.c */
bool dl_read_linear(DlReading *r); /* data_made.c */
bool dl_read_logistic(DlReading *r);
bool dl_read_random_sequences(DlReading *r);
bool dl_read_addition(DlReading *r); /* data_addition.c */

#endif
