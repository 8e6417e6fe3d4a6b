/* all_readers.c - all readers, for programs that do not know beforehand which one they need: dlc
 * itself. A new reader is a file data_NAME.c, its name in data_readers.h, and a line here. */
#include "data_readers.h"

const DlReader *const dl_all_readers[] = {
        &dl_reader_cifar10,
        &dl_reader_mnist,
        &dl_reader_fashion_mnist,
        &dl_reader_idx,
        &dl_reader_images,
        &dl_reader_imdb,
        &dl_reader_digits,
        &dl_reader_csv,
        &dl_reader_jsonl,
        &dl_reader_text,
        &dl_reader_characters,
        &dl_reader_series,
        &dl_reader_wav,
        &dl_reader_npy,
        &dl_reader_npz,
        &dl_reader_records,
        &dl_reader_linear,
        &dl_reader_logistic,
        &dl_reader_random_sequences,
        &dl_reader_addition,
        NULL,
};
