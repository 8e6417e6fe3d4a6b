/* dl_random.h - random numbers as a function: element e of a stream at a step is one word of
 * Philox4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3;
 * SC 2011), so that any schedule, thread or machine draws the same numbers.
 *
 * The counter is (block, stream, step, part and the block's upper bits), the key the seed;
 * element e is word e mod 4 of block e / 4, for e < 2**50. `part` separates uses: 0 is the
 * model's own. A uniform is the word's upper 24 bits: a multiple of 2**-24 in [0, 1). */
#ifndef DL_RANDOM_H
#define DL_RANDOM_H

#include <stdint.h>

#include "dl_arithmetic.h"

typedef struct dl_philox { uint32_t word[4]; } dl_philox;

/* One of the ten rounds, with the round's key. */
DL_INLINE dl_philox dl_philox_round(dl_philox c, uint32_t key0, uint32_t key1) {
    uint64_t a = (uint64_t)0xd2511f53u * c.word[0];
    uint64_t b = (uint64_t)0xcd9e8d57u * c.word[2];
    dl_philox r = {{(uint32_t)(b >> 32) ^ c.word[1] ^ key0, (uint32_t)b,
                    (uint32_t)(a >> 32) ^ c.word[3] ^ key1, (uint32_t)a}};
    return r;
}

DL_INLINE dl_philox dl_philox4x32(dl_philox c, uint32_t key0, uint32_t key1) {
    const uint32_t weyl0 = 0x9e3779b9u, weyl1 = 0xbb67ae85u;
    c = dl_philox_round(c, key0, key1);
    c = dl_philox_round(c, key0 + 1u * weyl0, key1 + 1u * weyl1);
    c = dl_philox_round(c, key0 + 2u * weyl0, key1 + 2u * weyl1);
    c = dl_philox_round(c, key0 + 3u * weyl0, key1 + 3u * weyl1);
    c = dl_philox_round(c, key0 + 4u * weyl0, key1 + 4u * weyl1);
    c = dl_philox_round(c, key0 + 5u * weyl0, key1 + 5u * weyl1);
    c = dl_philox_round(c, key0 + 6u * weyl0, key1 + 6u * weyl1);
    c = dl_philox_round(c, key0 + 7u * weyl0, key1 + 7u * weyl1);
    c = dl_philox_round(c, key0 + 8u * weyl0, key1 + 8u * weyl1);
    return dl_philox_round(c, key0 + 9u * weyl0, key1 + 9u * weyl1);
}

/* The four words of a block. */
DL_INLINE dl_philox dl_random_block(uint64_t seed, uint32_t step, uint32_t stream,
        uint32_t part, uint64_t block) {
    dl_philox c = {{(uint32_t)block, stream, step, (uint32_t)(block >> 32) << 16 | part}};
    return dl_philox4x32(c, (uint32_t)seed, (uint32_t)(seed >> 32));
}

DL_INLINE float dl_uniform_of(uint32_t word) { return (float)(int32_t)(word >> 8) * 0x1p-24f; }

DL_INLINE float dl_uniform(uint64_t seed, uint32_t step, uint32_t stream, uint64_t element) {
    dl_philox b = dl_random_block(seed, step, stream, 0, element >> 2);
    uint32_t second = 0u - (uint32_t)(element & 1), upper = 0u - (uint32_t)(element >> 1 & 1);
    uint32_t low = b.word[0] ^ ((b.word[0] ^ b.word[1]) & second);
    uint32_t high = b.word[2] ^ ((b.word[2] ^ b.word[3]) & second);
    return dl_uniform_of(low ^ ((low ^ high) & upper));
}

/* The 64 elements of the sixteen blocks from `block` on: a quarter of the work of 64 calls. */
DL_INLINE void dl_uniform64(float *out, uint64_t seed, uint32_t step, uint32_t stream,
        uint64_t block) {
    for (uint64_t i = 0; i < 16; i++) {
        dl_philox b = dl_random_block(seed, step, stream, 0, block + i);
        out[4 * i] = dl_uniform_of(b.word[0]);
        out[4 * i + 1] = dl_uniform_of(b.word[1]);
        out[4 * i + 2] = dl_uniform_of(b.word[2]);
        out[4 * i + 3] = dl_uniform_of(b.word[3]);
    }
}

/* out[0..n) = elements first, first + 1, ...: the same numbers as dl_uniform's. */
static inline void dl_uniforms(float *out, int64_t n, uint64_t seed, uint32_t step,
        uint32_t stream, uint64_t first) {
    int64_t i = 0;
    for (; i < n && (first + (uint64_t)i) % 4 != 0; i++)
        out[i] = dl_uniform(seed, step, stream, first + (uint64_t)i);
    for (; i + 64 <= n; i += 64)
        dl_uniform64(out + i, seed, step, stream, (first + (uint64_t)i) / 4);
    for (; i < n; i++) out[i] = dl_uniform(seed, step, stream, first + (uint64_t)i);
}

#endif
