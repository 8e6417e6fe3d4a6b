/* recording.c - a sound file in memory as one signal of a given rate and length: decoded by
 * libsndfile, its channels averaged, resampled where it has another rate, cut or padded with
 * silence at its end. No more of a file is decoded than the signal needs, so that what a
 * header claims costs nothing. */
#include <math.h>
#include <sndfile.h>
#include <stdlib.h>
#include <string.h>

#include "sound.h"

enum { BLOCK = 4096, MOST_CHANNELS = 64, MOST_RATE = 768000 };

/* A file in memory, for libsndfile. */
typedef struct Memory {
    const unsigned char *at;
    sf_count_t size, place;
} Memory;

static sf_count_t memory_size(void *context) {
    return ((const Memory *)context)->size;
}

static sf_count_t memory_tell(void *context) {
    return ((const Memory *)context)->place;
}

static sf_count_t memory_seek(sf_count_t offset, int whence, void *context) {
    Memory *m = context;
    sf_count_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? m->place : m->size;
    if (offset >= -base && offset <= m->size - base) m->place = base + offset;
    return m->place;
}

static sf_count_t memory_read(void *to, sf_count_t n, void *context) {
    Memory *m = context;
    sf_count_t left = m->size - m->place, count = n < left ? n : left;
    if (count <= 0) return 0;
    memcpy(to, m->at + m->place, (size_t)count);
    m->place += count;
    return count;
}

static sf_count_t memory_write(const void *from, sf_count_t n, void *context) {
    (void)from, (void)n, (void)context;
    return 0;
}

/* ---- what is wrong with it ---------------------------------------------------------- */

static uint64_t little_endian(const unsigned char *p) {
    return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24;
}

/* libsndfile reads what there is of a WAV file that ends too early and says nothing. A program
 * that wrote to a pipe could not know the size, and left 0 or the largest. */
static bool check_whole(const char *name, const unsigned char *at, size_t size, DlError *e) {
    if (size < 12 || memcmp(at, "RIFF", 4) != 0 || memcmp(at + 8, "WAVE", 4) != 0) return true;
    for (uint64_t begin = 12; begin + 8 <= size;) {
        uint64_t length = little_endian(at + begin + 4), left = size - begin - 8;
        bool data = memcmp(at + begin, "data", 4) == 0;
        if (data && length > left && length < 0x7ffff000)
            return dl_fail(e,
                    "%s: is cut short: its header promises %llu bytes of sound, and %llu follow; "
                    "fetch or record it again",
                    name, (unsigned long long)length, (unsigned long long)left);
        if (data) break;
        begin += 8 + length + length % 2;
    }
    return true;
}

static bool check_kind(const char *name, const SF_INFO *info, DlError *e) {
    if (info->samplerate < 1 || info->samplerate > MOST_RATE)
        return dl_fail(e, "%s: has %d samples a second, and may have from 1 to %d", name,
                info->samplerate, MOST_RATE);
    if (info->channels < 1 || info->channels > MOST_CHANNELS)
        return dl_fail(e, "%s: has %d channels, and may have from 1 to %d", name, info->channels,
                MOST_CHANNELS);
    if (info->frames < 1)
        return dl_fail(e, "%s: holds no sound; remove it, or record it again", name);
    return true;
}

/* ---- decoding ----------------------------------------------------------------------- */

typedef struct Decoding {
    const char *name;
    SNDFILE *file;
    SF_INFO info;
    float *block;  /* [BLOCK][channels] */
    float *source; /* the channels' mean */
    int64_t n;
} Decoding;

static bool average(Decoding *d, int64_t count, DlError *e) {
    int channels = d->info.channels;
    for (int64_t i = 0; i < count; i++, d->n++) {
        float sum = 0;
        for (int c = 0; c < channels; c++) sum += d->block[i * channels + c];
        d->source[d->n] = sum / (float)channels;
        if (!isfinite(d->source[d->n]))
            return dl_fail(e, "%s: sample %lld is not a finite number; convert the file again",
                    d->name, (long long)d->n);
    }
    return true;
}

/* The first `most` samples, or all there are. */
static bool decode_blocks(Decoding *d, int64_t most, DlError *e) {
    int64_t want = d->info.frames < most ? d->info.frames : most;
    while (d->n < want) {
        int64_t left = want - d->n;
        sf_count_t got = sf_readf_float(d->file, d->block, left < BLOCK ? left : BLOCK);
        if (got <= 0)
            return dl_fail(e,
                    "%s: is damaged or cut short after sample %lld of %lld (%s); fetch or record "
                    "it again",
                    d->name, (long long)d->n, (long long)d->info.frames, sf_strerror(d->file));
        if (!average(d, got, e)) return false;
    }
    return true;
}

static bool to_signal(Decoding *d, int64_t rate, int64_t samples, float *signal, DlError *e) {
    int64_t most = dl_resample_reach(samples, d->info.samplerate, rate);
    d->block = malloc(BLOCK * (size_t)d->info.channels * sizeof *d->block);
    d->source = malloc((size_t)most * sizeof *d->source);
    if (!d->block || !d->source) return dl_fail(e, "%s: out of memory", d->name);
    if (!decode_blocks(d, most, e)) return false;
    if (d->info.samplerate != rate)
        return dl_resample(d->source, d->n, d->info.samplerate, rate, signal, samples, e);
    for (int64_t i = 0; i < samples; i++) signal[i] = i < d->n ? d->source[i] : 0;
    return true;
}

bool dl_recording_decode(const char *name, const unsigned char *at, size_t size, int64_t rate,
        int64_t samples, float *signal, DlError *e) {
    SF_VIRTUAL_IO io = {memory_size, memory_seek, memory_read, memory_write, memory_tell};
    Memory memory = {at, (sf_count_t)size, 0};
    Decoding d = {.name = name};
    if (size == 0) return dl_fail(e, "%s: is empty; fetch or record it again", name);
    if (!check_whole(name, at, size, e)) return false;
    d.file = sf_open_virtual(&io, SFM_READ, &d.info, &memory);
    if (!d.file)
        return dl_fail(e, "%s: is no sound file that can be read (%s); convert it to WAV", name,
                sf_strerror(NULL));
    bool ok = check_kind(name, &d.info, e) && to_signal(&d, rate, samples, signal, e);
    free(d.block);
    free(d.source);
    sf_close(d.file);
    return ok;
}
