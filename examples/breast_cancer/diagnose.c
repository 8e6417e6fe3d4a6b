/* diagnose.c - benign or malignant? For each record of a CSV file, by the generated network.
 *
 *     diagnose breast_cancer.safetensors cells.csv       (or /dev/stdin)
 *
 * The file's columns may stand in any order, and others beside them: which ones the network takes,
 * and by which means and deviations they are scaled, was stored with the weights in training. The
 * trainer library applies it again. */
#include <stdlib.h>

#include "../../runtime/trainer/data_readers.h"
#include "breast_cancer.h"

/* The records of the file, as the network was trained on such; NULL after a message. */
static DlData *read_records(const char *weights, const char *path, DlPool *pool, DlError *e) {
    static const DlReader *const readers[] = {&dl_reader_csv, NULL};
    const DlConfig config = {.reader = "csv", .readers = readers};
    const DlOptions options = {.ninput = 1, .input = {{.file = path}}};
    DlMeta stored = {0};
    DlRequest request = {.table = breast_cancer_model(), .config = &config, .stored = &stored};
    if (!dl_weights_meta(weights, pool, &stored, e)) return NULL;
    return dl_data_given(&request, &options, false, e);
}

static int diagnose(breast_cancer *model, breast_cancer_work *work, const DlData *data) {
    for (int64_t i = 0; i < data->train.rows; i++) {
        float malignant;
        const float *cells = (const float *)(const void *)dl_row(&data->train, 0, i);
        int status = breast_cancer_predict(model, work, 1, cells, &malignant);
        if (status) {
            fprintf(stderr, "diagnose: record %lld: %s\n", (long long)i + 1,
                    breast_cancer_message(status));
            return 1;
        }
        printf("record %lld: %s (malignant: %.1f %%)\n", (long long)i + 1,
                malignant > 0.5f ? "malignant" : "benign", 100 * (double)malignant);
    }
    return 0;
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: diagnose breast_cancer.safetensors cells.csv\n");
        return 2;
    }
    DlError error = {""};
    DlPool *pool = dl_pool_new();
    breast_cancer *model = breast_cancer_create(0);
    breast_cancer_work *work = breast_cancer_work_create(1);
    DlData *data = NULL;
    int status = 1;
    if (!pool || !model || !work)
        dl_error(&error, "out of memory");
    else if ((status = breast_cancer_load(model, argv[1])) != 0)
        dl_error(&error, "%s: %s", argv[1], breast_cancer_message(status));
    else
        data = read_records(argv[1], argv[2], pool, &error);
    if (data)
        status = diagnose(model, work, data);
    else
        fprintf(stderr, "diagnose: %s\n", error.text);
    dl_data_free(data);
    breast_cancer_work_free(work);
    breast_cancer_free(model);
    dl_pool_free(pool);
    return data ? status : 1;
}
