# table.awk - what was measured, for people: each system with its share of the machine's limits.
#     awk -f table.awk models limits.csv bench.csv
# In: tests/bench/models; rows name,threads,value; the benchmark's rows. Out: text.
# `share` is the operations that the model needs (tests/bench/models), a second, against the
# multiply-adds that as many threads do; `x` how many times as long as our fastest a step and
# a prediction take.

function median_of(key,    i, j, t, v, n) {
    n = runs[key]
    if (!n) return 0
    for (i = 1; i <= n; i++) v[i] = run[key, i]
    for (i = 2; i <= n; i++)
        for (j = i; j > 1 && v[j - 1] > v[j]; j--) { t = v[j]; v[j] = v[j - 1]; v[j - 1] = t }
    return n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
}

function ratio(x, least) { return x == "" || !least ? "-" : sprintf("%.2f", x / least) }
function blank(x, format) { return x == "" ? "-" : sprintf(format, x) }

FNR == 1 { file++ }
file == 1 && !/^#/ { mflop[$1] = $3 }
file == 2 {
    split($0, f, ",")
    key = f[1] "," f[2]
    run[key, ++runs[key]] = f[3] + 0
    threads[f[2]] = 1
}
file == 3 && FNR > 1 {
    row[++rows] = $0
    split($0, f, ",")
    if (f[2] != "generated") next
    if (f[5] != "" && (!(f[1] in step) || f[5] + 0 < step[f[1]])) step[f[1]] = f[5] + 0
    if (f[6] != "" && (!(f[1] in one) || f[6] + 0 < one[f[1]])) one[f[1]] = f[6] + 0
}

END {
    print "limits, medians over the rounds"
    for (t = 1; t <= 1024; t++)
        if (t in threads)
            printf("  threads %d: %.0f GFLOP/s of multiply-adds, triad %.1f GB/s, %.1f round the " \
                "caches\n", t, median_of("gflops," t), median_of("triad," t), median_of("stream," t))
    line = "%-9s %-13s %2s %10s %6s %11s %8s %6s %10s %6s %7s %7s %8s\n"
    printf("\n" line, "model", "system", "th", "step us", "x", "rows/s", "GFLOP/s", "share",
        "predict us", "x", "first s", "RSS MB", "plan MB")
    for (k = 1; k <= rows; k++) {
        split(row[k], f, ",")
        if (f[1] != last) print ""
        last = f[1]
        speed = mflop[f[1]] && f[5] ? mflop[f[1]] / f[5] * 1e3 : 0
        peak = median_of("gflops," f[3])
        printf(line, f[1], f[2], f[3],
            blank(f[5], "%.5g"), ratio(f[5], step[f[1]]), blank(f[4], "%s"),
            speed ? sprintf("%.1f", speed) : "-",
            speed && peak ? sprintf("%.0f %%", speed / peak * 100) : "-",
            blank(f[6], "%.4g"), ratio(f[6], one[f[1]]), blank(f[7], "%.2f"), blank(f[8], "%.0f"),
            f[9] == "" ? "-" : sprintf("%.2f", f[9] / 1e6))
    }
}
