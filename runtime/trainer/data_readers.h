/* data_readers.h - the readers, each in the file data_NAME.c: a program lists those that it has in
 * its DlConfig, and links no others. */
#ifndef DL_DATA_READERS_H
#define DL_DATA_READERS_H

#include "reader.h"

extern const DlReader dl_reader_addition, dl_reader_characters, dl_reader_cifar10, dl_reader_csv,
        dl_reader_digits, dl_reader_fashion_mnist, dl_reader_idx, dl_reader_images, dl_reader_imdb,
        dl_reader_jsonl, dl_reader_linear, dl_reader_logistic, dl_reader_mnist, dl_reader_npy,
        dl_reader_npz, dl_reader_random_sequences, dl_reader_records, dl_reader_series,
        dl_reader_text, dl_reader_wav;

/* How a user may come by missing files. */
#define DL_FETCH                                                                                   \
    "examples/fetch.sh gets them from their publisher; say where they are with --data DIR or "     \
    "DLC_DATA"
#define DL_PLACE "put them beside the model, or say where they are with --data DIR or DLC_DATA"

/* Of readers of images: a user's own image, or a folder of them (data_images.c). */
bool dl_prepare_images(DlReading *r, const char *path, DlSplit *out);
#define DL_IMAGE_LIBRARIES "-larchive -lpng -ljpeg"

/* data_table.c: how the arguments say that a table is written. */
struct DlTableFormat;
bool dl_table_format(const DlReading *r, struct DlTableFormat *f);

#endif
