/* utf8.c - see utf8.h. */
#include "utf8.h"

int dl_utf8_decode(const unsigned char *p, size_t left, uint32_t *code) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    int n = *p < 0x80 ? 1 : *p < 0xc2 ? 0 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : *p < 0xf5 ? 4 : 0;
    if (n == 0 || (size_t)n > left) return 0;
    *code = n == 1 ? *p : *p & (0x7fu >> n);
    for (int i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) return 0;
        *code = *code << 6 | (p[i] & 0x3fu);
    }
    return *code >= least[n] && *code <= 0x10ffff && (*code < 0xd800 || *code > 0xdfff) ? n : 0;
}

int dl_utf8_encode(uint32_t code, char *out) {
    int n = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (n == 1) {
        out[0] = (char)code;
        return 1;
    }
    for (int i = n - 1; i > 0; i--, code >>= 6) out[i] = (char)(0x80 | (code & 0x3f));
    out[0] = (char)((0xf00u >> n & 0xf0u) | code);
    return n;
}

size_t dl_utf8_wrong(const char *text, size_t n) {
    const unsigned char *p = (const unsigned char *)text;
    uint32_t code;
    for (size_t at = 0; at < n;) {
        if (p[at] < 0x80) {
            at++;
            continue;
        }
        int length = dl_utf8_decode(p + at, n - at, &code);
        if (length == 0) return at;
        at += (size_t)length;
    }
    return n;
}

static bool between(uint32_t code, uint32_t first, uint32_t last) {
    return code >= first && code <= last;
}

uint32_t dl_utf8_lower(uint32_t code) {
    if (between(code, 'A', 'Z')) return code + 32;
    if (between(code, 0xc0, 0xde) && code != 0xd7) return code + 32;
    /* Pairs of capital and small letter: even and odd, or odd and even. */
    bool even = between(code, 0x100, 0x12f) || between(code, 0x132, 0x137) ||
                between(code, 0x14a, 0x177) || between(code, 0x1de, 0x1ef) ||
                between(code, 0x1f8, 0x21f) || between(code, 0x222, 0x233) ||
                between(code, 0x370, 0x373) || between(code, 0x3d8, 0x3ef) ||
                between(code, 0x460, 0x481) || between(code, 0x48a, 0x4bf) ||
                between(code, 0x4d0, 0x52f) || between(code, 0x1e00, 0x1e95) ||
                between(code, 0x1ea0, 0x1eff);
    bool odd = between(code, 0x139, 0x148) || between(code, 0x179, 0x17e) ||
               between(code, 0x1cd, 0x1dc) || between(code, 0x4c1, 0x4ce);
    if (even) return code | 1;
    if (odd) return code + (code & 1);
    if (code == 0x178) return 0xff;
    if (code == 0x386) return 0x3ac;
    if (between(code, 0x388, 0x38a)) return code + 37;
    if (code == 0x38c) return 0x3cc;
    if (between(code, 0x38e, 0x38f)) return code + 63;
    if (between(code, 0x391, 0x3ab) && code != 0x3a2) return code + 32;
    if (between(code, 0x400, 0x40f)) return code + 80;
    if (between(code, 0x410, 0x42f)) return code + 32;
    return between(code, 0x531, 0x556) ? code + 48 : code;
}

bool dl_utf8_divides(uint32_t code) {
    return (between(code, 0x80, 0xbf) && code != 0xaa && code != 0xb5 && code != 0xba) ||
           code == 0xd7 || code == 0xf7 || code == 0x1680 || between(code, 0x2000, 0x206f) ||
           between(code, 0x20a0, 0x20cf) || between(code, 0x2190, 0x2bff) ||
           between(code, 0x3000, 0x3004) || between(code, 0x3008, 0x3020) ||
           between(code, 0xfe30, 0xfe4f) || between(code, 0xff01, 0xff0f) ||
           between(code, 0xff1a, 0xff20) || between(code, 0x1f000, 0x1faff);
}
