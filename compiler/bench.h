/* bench.h - `dlc bench`: what is measured (bench_measure.c), how it is told (bench_report.c) and
 * drawn (bench_plot.c). */
#ifndef DLC_BENCH_H
#define DLC_BENCH_H

#include "driver.h"

/* Of one system at a number of threads. 0: the model has no such function. */
typedef struct Measured {
    double step_us, predict1_us, predict_us;   /* medians: a training step, one row, a batch */
    double first_us;                           /* the first step, or the first prediction */
    double rss_mb;                             /* what running it added to resident memory */
    double plan_bytes;
} Measured;

typedef struct Limits { double gflops, triad, stream; } Limits;

enum { SYSTEMS = 2, MOST_COUNTS = 2 };

typedef struct Result {
    int threads;
    double first_s[SYSTEMS];    /* from the model's text to the end of the first step */
    Measured of[SYSTEMS];
    Limits limits;
} Result;

typedef struct KernelTime { const PlanKernel *kernel; double seconds; } KernelTime;

/* A training step's kernels, those that take longest first. seconds: of all threads. */
typedef struct KernelTimes {
    int n;
    KernelTime *at;
    double all, step;           /* of all kernels, of the step with its clocks */
} KernelTimes;

/* A system that was measured elsewhere: --reference keras=15788. */
typedef struct Reference { const char *name; double step_us; } Reference;

/* A table to measure, made in the process that measures it; and what its memory is then. */
typedef const dl_model *MakeTable(void *context);
typedef struct System { MakeTable *make; void *context; size_t (*plan_bytes)(void); } System;

/* In a process of its own, so that threads and memory of one do not weigh on the next. False
 * after a message. */
bool measure_system(const System *s, int threads, double seconds, Measured *out);
typedef int TakeTimes(double *seconds);
/* Seconds of each timer in a training step, and of the step, into out[0..timers]. */
bool measure_kernels(const dl_model *table, TakeTimes *take, int timers, int threads,
        double seconds, double *out);
bool measure_limits(void *library, int threads, double seconds, Limits *out);

/* Standard output. */
extern const char *const system_name[SYSTEMS];
void report_systems(Arena *a, const Model *m, const Result *r, int n);
void report_json(const Model *m, const Result *r, int n);
KernelTimes sort_kernels(Arena *a, const Plan *p, const double *seconds, double step);
void report_kernels(Arena *a, const KernelTimes *k, const Result *r);
const char *time_text(Arena *a, double us);

/* Bars of the systems' training steps (of predictions, where nothing is trained), and the roofline
 * with each kernel on it, of the last of the n results; k NULL: without. The file is a .png or
 * .svg. False after a message. */
bool plot_bench(Arena *a, const char *path, const Model *m, const Result *r, int n,
        const Reference *reference, int nreference, const KernelTimes *k);

#endif
